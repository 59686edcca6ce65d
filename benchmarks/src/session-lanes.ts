/** Sessions and streams over a transport, without messaging: one lane of one session. */
import { newBootId, parseClusterName, parseNodeId, silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { SessionTable, streamsOptions } from '@nodosum/streams'
import type { HostPort, Transport } from '@nodosum/transport'
import { cluster } from './credentials.ts'
import type { Subject, Work } from './subject.ts'
import { at, type StartTransport } from './transport-subjects.ts'

const frameType = 0x90
const receiver = parseNodeId('receiver')

function sessionsOn(transport: Transport, nodeId: string, remote: HostPort | null): SessionTable {
  const random = systemRandom()
  return new SessionTable({
    self: {
      cluster: parseClusterName(cluster),
      nodeId: parseNodeId(nodeId),
      bootId: newBootId(random),
    },
    dial: (_peer, { signal }) => {
      if (remote === null) return Promise.reject(new Error('the receiver dials nobody'))
      return transport.connect(remote, { signal })
    },
    scheduler: systemScheduler(),
    random,
    logger: silentLogger,
    options: streamsOptions.defaults(),
  })
}

export function lanesOver(start: StartTransport): Subject {
  return {
    async receive(directory) {
      const { transport, close } = await start(directory, 'receiver')
      const table = sessionsOn(transport, 'receiver', null)
      let left = 0
      let finished: (atNs: bigint) => void = () => undefined
      table.onSession = (session) => {
        session.handler = {
          control: () => undefined,
          idle: () => true,
          closed: () => undefined,
          lane: (lane) => {
            lane.receiver = {
              frame: () => {
                left -= 1
                if (left === 0) finished(process.hrtime.bigint())
              },
              closed: () => undefined,
            }
          },
        }
      }
      const { address } = await transport.listen((connection) => table.accept(connection))
      return {
        address: address.port,
        expect(work, done) {
          left = work.count
          finished = done
        },
        close: async () => {
          await table.close()
          await close()
        },
      }
    },

    async send(directory, port) {
      const { transport, close } = await start(directory, 'sender')
      const table = sessionsOn(transport, 'sender', at(port))
      table.onSession = (session) => {
        session.handler = {
          control: () => undefined,
          idle: () => true,
          closed: () => undefined,
          lane: () => undefined,
        }
      }
      const session = await table.ensure(receiver)
      const lane = session.openLane('messages', 'benchmark', 'default')
      lane.owner = { isIdle: false, closed: () => undefined }
      const room = (): Promise<void> =>
        new Promise((resolve) => {
          lane.onRoom = () => resolve()
        })
      return {
        async run(work: Work) {
          const body = new Uint8Array(work.bytes).fill(1)
          const startedNs = process.hrtime.bigint()
          for (let sent = 0; sent < work.count; sent++) {
            if (!lane.hasRoom(body.length)) await room()
            const offset = lane.frame(frameType, 0, body.length)
            lane.buffer.set(body, offset)
          }
          return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs: [] }
        },
        close: async () => {
          await table.close()
          await close()
        },
      }
    },
  }
}
