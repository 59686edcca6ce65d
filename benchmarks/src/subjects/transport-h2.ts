/** The HTTP/2 transport alone: one byte stream, messages framed by hand. */
import { at, startH2 } from '../h2-node.ts'
import { receiveMessages, sendMessages } from '../messages.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = {
  receive: (directory) =>
    receiveMessages(async (onLane) => {
      const transport = await startH2(directory, 'receiver')
      const { address } = await transport.listen((connection) => {
        connection.onStream = onLane
      })
      return { port: address.port, close: () => transport.close() }
    }),

  async send(directory, port) {
    const transport = await startH2(directory, 'sender')
    const connection = await transport.connect(at(port))
    return sendMessages(connection.openStream(), () => transport.close())
  },
}
