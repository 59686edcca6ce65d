/** Sessions and streams over a transport, without messaging: one lane of one session. */
import { newBootId, parseClusterName, parseNodeId, silentLogger } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import {
  type Dial,
  type OutgoingLane,
  type Session,
  type SessionHandler,
  SessionTable,
  streamsOptions,
} from '@nodosum/streams'
import { cluster } from './credentials.ts'
import type { Subject, Work } from './subject.ts'
import { at, type StartTransport } from './transport-subjects.ts'

const frameType = 0x90
const receiver = parseNodeId('receiver')

export function sessionsOf(nodeId: string, dial: Dial): SessionTable {
  const random = systemRandom()
  return new SessionTable({
    self: {
      cluster: parseClusterName(cluster),
      nodeId: parseNodeId(nodeId),
      bootId: newBootId(random),
    },
    dial,
    scheduler: systemScheduler(),
    random,
    logger: silentLogger,
    options: streamsOptions.defaults(),
  })
}

export const dialsNobody: Dial = () => Promise.reject(new Error('the receiver dials nobody'))

/** Takes what comes on any lane, message by message. */
export function handlerOf(onMessage: () => void): SessionHandler {
  return {
    control: () => undefined,
    idle: () => true,
    closed: () => undefined,
    lane: (lane) => {
      lane.receiver = { frame: onMessage, closed: () => undefined }
    },
  }
}

/** The session with the receiver, and one lane to it. */
export async function laneToReceiver(
  table: SessionTable,
): Promise<{ session: Session; lane: OutgoingLane }> {
  table.onSession = (session) => {
    session.handler = handlerOf(() => undefined)
  }
  const session = await table.ensure(receiver)
  const lane = session.openLane('messages', 'benchmark', 'default')
  lane.owner = { isIdle: false, closed: () => undefined }
  return { session, lane }
}

/** Writes messages as fast as the lane takes them. */
export async function fillLane(lane: OutgoingLane, count: number, body: Uint8Array): Promise<void> {
  const room = (): Promise<void> =>
    new Promise((resolve) => {
      lane.onRoom = () => resolve()
    })
  for (let sent = 0; sent < count; sent++) {
    if (!lane.hasRoom(body.length)) await room()
    const offset = lane.frame(frameType, 0, body.length)
    lane.buffer.set(body, offset)
  }
}

export function lanesOver(start: StartTransport): Subject {
  return {
    async receive(directory) {
      const { transport, close } = await start(directory, 'receiver')
      const table = sessionsOf('receiver', dialsNobody)
      let left = 0
      let finished: (atNs: bigint) => void = () => undefined
      table.onSession = (session) => {
        session.handler = handlerOf(() => {
          left -= 1
          if (left === 0) finished(process.hrtime.bigint())
        })
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
      const table = sessionsOf('sender', (_peer, { signal }) =>
        transport.connect(at(port), { signal }),
      )
      const { lane } = await laneToReceiver(table)
      return {
        async run(work: Work) {
          const body = new Uint8Array(work.bytes).fill(1)
          const startedNs = process.hrtime.bigint()
          await fillLane(lane, work.count, body)
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
