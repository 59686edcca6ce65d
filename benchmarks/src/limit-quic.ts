import { LeanEndpoint } from './lean-quic.ts'
import { type Lane, receiveMessages, sendMessages } from './messages.ts'
import type { Subject } from './subject.ts'

/** One stream of the lean driver, messages framed by hand. */
export function limitQuic(packetBytes: number): Subject {
  return {
    receive: (directory) =>
      receiveMessages(async (onLane) => {
        const endpoint = await LeanEndpoint.open(directory, 'receiver', packetBytes, onLane)
        return { port: endpoint.port, close: () => endpoint.close() }
      }),

    async send(directory, port) {
      const lane = Promise.withResolvers<Lane>()
      const endpoint = await LeanEndpoint.open(directory, 'sender', packetBytes, lane.resolve)
      endpoint.connect(Number(port))
      return sendMessages(await lane.promise, () => endpoint.close())
    },
  }
}
