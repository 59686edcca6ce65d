/** The limit of TLS in Node: one socket, messages framed by hand, nothing else. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { tlsOptionsOf } from '../credentials.ts'
import { laneOf } from '../duplex-lane.ts'
import { receiveMessages, sendMessages } from '../messages.ts'
import type { Subject } from '../subject.ts'

export const subject: Subject = {
  receive: (directory) =>
    receiveMessages(async (onLane) => {
      const server = createServer(await tlsOptionsOf(directory, 'receiver'), (socket) =>
        onLane(laneOf(socket)),
      )
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      return { port, close: async () => void server.close() }
    }),

  async send(directory, port) {
    const options = await tlsOptionsOf(directory, 'sender')
    const socket = connect({ ...options, host: '127.0.0.1', port: Number(port) })
    await once(socket, 'secureConnect')
    return sendMessages(laneOf(socket), async () => void socket.end())
  },
}
