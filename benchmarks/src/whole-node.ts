/** The whole messaging layer: what a user of `createNode` gets. */
import { createNode, type Node } from 'nodosum'
import { manyRequests, type Receiver, type Sender, type Subject, type Work } from './subject.ts'

const cluster = 'benchmark'

type Transport = 'quic' | 'h2'

function start(directory: string, nodeId: string, transport: Transport): Promise<Node> {
  return createNode({
    cluster,
    nodeId,
    transport,
    profile: 'development',
    developmentDirectory: directory,
    join: { alone: nodeId === 'receiver' },
  })
}

/** Two nodes that talk over this transport. */
export function nodesOver(transport: Transport): Subject {
  return {
    async receive(directory): Promise<Receiver> {
      const node = await start(directory, 'receiver', transport)
      let left = 0
      let finished: (atNs: bigint) => void = () => undefined
      node
        .application('benchmark')
        .onMessage(() => {
          left -= 1
          if (left === 0) finished(process.hrtime.bigint())
        })
        .onRequest((payload) => payload)
      return {
        address: node.id,
        expect(work, done) {
          left = work.kind === 'oneway' ? work.count : 0
          finished = done
        },
        close: () => node.close(),
      }
    },

    async send(directory, address): Promise<Sender> {
      const node = await start(directory, 'sender', transport)
      const application = node.application('benchmark')
      const to = String(address)
      return {
        async run(work: Work) {
          const payload = new Uint8Array(work.bytes).fill(1)
          if (work.kind === 'request') {
            return manyRequests(work, () => application.request(to, payload))
          }
          await application.send(to, payload, { confirm: 'received' })
          const startedNs = process.hrtime.bigint()
          for (let sent = 1; sent < work.count; sent++) {
            // A refusal is backpressure; `send` waits for room.
            if (application.trySend(to, payload) !== 'accepted') await application.send(to, payload)
          }
          return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs: [] }
        },
        close: () => node.close(),
      }
    },
  }
}
