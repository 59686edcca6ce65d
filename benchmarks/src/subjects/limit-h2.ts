/** The limit of HTTP/2 in Node: one stream, messages framed by hand, nothing else. */
import { once } from 'node:events'
import { connect, createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tlsOptionsOf } from '../credentials.ts'
import { laneOf } from '../duplex-lane.ts'
import { receiveMessages, sendMessages } from '../messages.ts'
import type { Subject } from '../subject.ts'

/** The fastest that were found. */
const settings = { enablePush: false, initialWindowSize: 4 << 20, maxFrameSize: 1 << 18 }
const connectionWindowBytes = 64 << 20

export const subject: Subject = {
  receive: (directory) =>
    receiveMessages(async (onLane) => {
      const options = await tlsOptionsOf(directory, 'receiver')
      const server = createSecureServer({ ...options, settings })
      server.on('session', (session) => session.setLocalWindowSize(connectionWindowBytes))
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200 })
        onLane(laneOf(stream))
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      return { port, close: async () => void server.close() }
    }),

  async send(directory, port) {
    const options = await tlsOptionsOf(directory, 'sender')
    const session = connect(`https://127.0.0.1:${port}`, { ...options, settings })
    await once(session, 'connect')
    session.setLocalWindowSize(connectionWindowBytes)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    await once(stream, 'response')
    return sendMessages(laneOf(stream), async () => session.destroy())
  },
}
