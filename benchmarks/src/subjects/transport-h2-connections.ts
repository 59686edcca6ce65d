/** Connections of the HTTP/2 transport: dialed, authenticated by both ends, and closed. */
import { at, startH2 } from '../h2-node.ts'
import { manyRequests, type Subject } from '../subject.ts'

export const subject: Subject = {
  async receive(directory) {
    const transport = await startH2(directory, 'receiver')
    const { address } = await transport.listen(() => undefined)
    return { address: address.port, expect: () => undefined, close: () => transport.close() }
  },

  async send(directory, port) {
    const transport = await startH2(directory, 'sender')
    return {
      async run(work) {
        if (work.kind !== 'request') throw new Error('connections are dialed one by one')
        return manyRequests(work, async () => {
          const connection = await transport.connect(at(port))
          await connection.close()
        })
      },
      close: () => transport.close(),
    }
  },
}
