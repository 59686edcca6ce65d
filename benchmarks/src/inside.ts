/** Both ends in the sending process, so that a round costs what they do and nothing else. */
import { parseNodeId } from '@nodosum/kernel'
import type { Connection } from '@nodosum/streams'
import { type MemoryConnection, memoryConnections } from './memory-connections.ts'
import { MessageWriter, readMessages } from './messages.ts'
import { dialsNobody, fillLane, handlerOf, laneToReceiver, sessionsOf } from './session-lanes.ts'
import { manyRequests, type Receiver, type Sender, type Sent } from './subject.ts'

/** So many moves show what they cost; the first few differ. */
const movesMin = 50

/** Messages that wait for their acknowledgement when the connection is replaced: within the first credit. */
const messagesOnTheMove = 500

const [near, far] = ['sender', 'receiver'].map((nodeId) => ({
  nodeId: parseNodeId(nodeId),
  uri: `spiffe://benchmark/${nodeId}`,
})) as [Connection['peer'], Connection['peer']]

/** The other process of the pair has nothing to do. */
export async function idleReceiver(): Promise<Receiver> {
  return { address: null, expect: () => undefined, close: async () => undefined }
}

/** Counts messages, and says when a round is there. */
class Counter {
  #left = 0
  #finished: () => void = () => undefined

  readonly count = (): void => {
    this.#left -= 1
    if (this.#left === 0) this.#finished()
  }

  expect(count: number): Promise<void> {
    this.#left = count
    return new Promise((resolve) => {
      this.#finished = resolve
    })
  }
}

/** From the first message until the last one was handed on. */
async function timed(counter: Counter, count: number, send: () => Promise<void>): Promise<Sent> {
  const all = counter.expect(count)
  const startedNs = process.hrtime.bigint()
  await send()
  await all
  return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs: [] }
}

/**
 * Messages framed by hand on one byte stream: no sequences, acknowledgements or credit. Slabs are
 * used again as a session does, so that memory costs both the same.
 */
export async function framesInside(): Promise<Sender> {
  const counter = new Counter()
  const [one, other] = memoryConnections(near, far)
  const free: Buffer[] = []
  other.onStream = (stream) => {
    readMessages(stream, counter.count)
    const read = stream.onData
    stream.onData = (chunk) => {
      read?.(chunk)
      // Messages do not reach from one slab into the next, so nobody needs it any more.
      free.push(Buffer.from(chunk.buffer))
    }
  }
  const writer = new MessageWriter(one.openStream(), (bytes) => {
    const slab = free.pop()
    return slab !== undefined && slab.length >= bytes ? slab : Buffer.allocUnsafeSlow(bytes)
  })
  return {
    run: (work) =>
      timed(counter, work.count, async () => {
        const body = new Uint8Array(work.bytes).fill(1)
        for (let sent = 0; sent < work.count; sent++) {
          if (!writer.write(body)) await writer.room()
        }
      }),
    close: async () => undefined,
  }
}

/** One lane of one session over the same byte streams; requests replace its connection. */
export async function sessionInside(): Promise<Sender> {
  const counter = new Counter()
  const taking = sessionsOf('receiver', dialsNobody)
  taking.onSession = (session) => {
    session.handler = handlerOf(counter.count)
  }
  let carrying: MemoryConnection | null = null
  const connect = (): Connection => {
    const [one, other] = memoryConnections(near, far)
    setImmediate(() => taking.accept(other))
    carrying = one
    return one
  }
  const sending = sessionsOf('sender', async () => connect())
  const { session, lane } = await laneToReceiver(sending)
  const retransmitted = (): number => session.snapshot(0).traffic.retransmittedFrames
  return {
    async run(work) {
      const body = new Uint8Array(work.bytes).fill(1)
      if (work.kind !== 'request') {
        return timed(counter, work.count, () => fillLane(lane, work.count, body))
      }
      const before = retransmitted()
      const sent = await manyRequests(work, async () => {
        const all = counter.expect(messagesOnTheMove)
        await fillLane(lane, messagesOnTheMove, body)
        session.flush()
        // They have left, and have to leave again over the next connection.
        carrying?.standStill()
        const isMoved = await sending.moveTo(session, connect())
        if (!isMoved) throw new Error('the session did not move')
        await all
      })
      const framesSentAgain = (retransmitted() - before) / work.count
      // All but those of the first moves, when the lane has little credit; a brief run has no others.
      const isBrief = work.count < movesMin
      if (!isBrief && framesSentAgain < 0.9 * messagesOnTheMove) {
        throw new Error(`${framesSentAgain} frames of ${messagesOnTheMove} were sent again`)
      }
      return { ...sent, more: { framesSentAgain } }
    },
    close: async () => {
      await Promise.all([sending.close(), taking.close()])
    },
  }
}
