import { describe, expect, it } from 'vitest'
import {
  connected,
  type OwnedLane,
  openOwned,
  pass,
  type TestNode,
  untilLater,
  write,
} from '../nodes.ts'

const laneIdleMs = 1_000
const options = { streams: { laneIdleMs, leakAfterMs: 60_000, acknowledgeWithinMs: 1 } }

const heard = (node: TestNode): string[] => node.lanes.flatMap(({ bodies }) => bodies)

/** Sends on the lane that there is, or on another one, as messaging does. */
function sender(node: TestNode): { send: (text: string) => void; opened: OwnedLane[] } {
  const opened: OwnedLane[] = []
  return {
    opened,
    send: (text) => {
      let last = opened.at(-1)
      if (last === undefined || last.lane.closed) {
        last = openOwned(node.session, 'y')
        opened.push(last)
      }
      write(node.session, last.lane, text)
    },
  }
}

describe('an idle lane', () => {
  it('is closed at both ends after its time, with its byte stream, and not before', async () => {
    const { world, a, b } = await connected(options)
    const { lane, closings } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await pass(world, 900)
    expect([closings, lane.closed, b.lanes[0]?.ended]).toEqual([[], false, false])
    await pass(world, 400)
    expect(closings).toEqual([{ code: null, isUntouched: false }])
    expect([lane.closed, b.lanes[0]?.ended, b.lanes[0]?.closed]).toEqual([true, true, false])
    await pass(world, 100)
    expect([a.session.lanes, b.session.lanes]).toEqual([0, 0])
    // The control stream is the only one that is open; the byte stream has ended in both directions.
    const [carriage] = [a.connection]
    expect(carriage.streams.map(({ hasEnded }) => hasEnded)).toEqual([false, true])
    expect(b.connection.streams.map(({ hasEnded }) => hasEnded)).toEqual([false, true])
    expect([a.session.closed, b.session.closed]).toEqual([false, false])
  })

  it('is kept while messages come, while they wait, and while its owner waits', async () => {
    const { world, a, b } = await connected(options)
    const busy = openOwned(a.session, 'busy')
    const held = openOwned(a.session, 'held')
    const used = openOwned(a.session, 'used')
    used.isIdle = false
    for (const { lane } of [busy, held, used]) write(a.session, lane, 'begin')
    await pass(world, 100)
    b.lanes[1]?.lane.pause()
    write(a.session, held.lane, 'waits')
    for (let round = 0; round < 8; round++) {
      write(a.session, busy.lane, `${round}`)
      await pass(world, 500)
    }
    for (const { lane } of [busy, held, used]) expect(lane.closed).toBe(false)
    b.lanes[1]?.lane.resume()
    used.isIdle = true
    await pass(world, 1_500)
    for (const { lane } of [busy, held, used]) expect(lane.closed).toBe(true)
    expect(b.lanes.map(({ ended }) => ended)).toEqual([true, true, true])
  })

  it('is closed although its receiver has paused it: everything on it has been taken', async () => {
    const { world, a, b } = await connected(options)
    const { lane } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await pass(world, 100)
    b.lanes[0]?.lane.pause()
    await pass(world, 1_500)
    expect([lane.closed, b.lanes[0]?.ended, a.session.lanes]).toEqual([true, true, 0])
  })

  it('makes room for another one under a new number, with the same order', async () => {
    const { world, a, b } = await connected({
      streams: { ...options.streams, lanesPerSessionMax: 2, lanesPerApplicationMax: 1 },
    })
    const { send, opened } = sender(a)
    for (let round = 0; round < 5; round++) {
      for (let number = 0; number < 3; number++) send(`${round}.${number}`)
      await pass(world, 1_500)
    }
    expect(opened.map(({ lane }) => lane.stream)).toEqual([1, 2, 3, 4, 5])
    const expected = [0, 1, 2, 3, 4].flatMap((round) =>
      [0, 1, 2].map((number) => `144/${number + 2} ${round}.${number}`),
    )
    expect(heard(b)).toEqual(expected)
  })

  it('is closed by both ends at once, each its own', async () => {
    const { world, a, b } = await connected(options)
    const [there, back] = [sender(a), sender(b)]
    for (let round = 0; round < 3; round++) {
      there.send(`a${round}`)
      back.send(`b${round}`)
      await pass(world, 1_500)
    }
    expect(heard(b).map((text) => text.slice(6))).toEqual(['a0', 'a1', 'a2'])
    expect(heard(a).map((text) => text.slice(6))).toEqual(['b0', 'b1', 'b2'])
    expect([there.opened.length, back.opened.length]).toEqual([3, 3])
  })

  it('is closed when nobody hears of it for a while, because the connection breaks', async () => {
    const { world, a, b } = await connected(options)
    const { send, opened } = sender(a)
    send('one')
    await pass(world, 950)
    // CLOSE is written and lost with its connection, at every moment of the sweep.
    const before = a.session.carriage
    for (let step = 0; step < 8 && opened[0]?.lane.closed === false; step++) {
      world.scheduler.runFor(50)
    }
    expect(opened[0]?.lane.closed).toBe(true)
    a.connection.cut()
    send('two')
    await untilLater(world, () => a.session.carriage !== null)
    expect(a.session.carriage).not.toBe(before)
    await pass(world, 500)
    expect(heard(b).map((text) => text.slice(6))).toEqual(['one', 'two'])
    expect(b.lanes.map(({ ended }) => ended)).toEqual([true, false])
    await pass(world, 1_500)
    expect([a.session.lanes, b.session.lanes]).toEqual([0, 0])
    expect([a.endings, b.endings]).toEqual([[], []])
  })

  it('of a session without a connection waits for the next one and asks for none', async () => {
    const { world, a, b } = await connected(options)
    const { lane } = openOwned(a.session, 'y')
    write(a.session, lane, 'one')
    await pass(world, 100)
    const carriage = a.session.carriage
    if (carriage === null) throw new Error('there is no connection')
    expect(a.session.retire(carriage)).toBe(true)
    await pass(world, 5_000)
    expect([lane.closed, a.session.carriage, a.dials]).toEqual([false, null, 1])
    expect(b.lanes[0]?.ended).toBe(false)
  })

  it('of a node with itself is closed as well', async () => {
    const { world, a } = await connected(options)
    const near = await a.ensure('a')
    const { lane } = openOwned(near, 'y')
    write(near, lane, 'to myself')
    await pass(world, 1_500)
    expect([lane.closed, a.lanes[0]?.ended, near.lanes]).toEqual([true, true, 0])
  })
})

describe('a snapshot', () => {
  it('shows each lane with its state, times and exact counters, also when it is gone', async () => {
    const { world, a, b } = await connected(options)
    const { lane } = openOwned(a.session, 'y')
    for (const text of ['one', 'two', 'three']) write(a.session, lane, text)
    const laneOf = (node: TestNode) => node.session.snapshot(10).lanes[0]
    expect(laneOf(a)).toMatchObject({
      state: 'opening',
      messages: 3,
      bufferedBytes: lane.sentBytes,
    })
    await pass(world, 200)
    const sent = { kind: 'messages', application: 'x', name: 'y', stream: 1, messages: 3 }
    const bytes = lane.sentBytes
    expect(laneOf(a)).toMatchObject({ ...sent, direction: 'out', bytes, bufferedBytes: 0 })
    expect(laneOf(b)).toMatchObject({ ...sent, direction: 'in', bytes, heldBytes: 0 })
    await pass(world, 400)
    expect(laneOf(a)?.state).toBe('idle')
    expect(laneOf(a)?.unusedForMs).toBeGreaterThanOrEqual(350)
    expect(laneOf(a)?.openForMs).toBeGreaterThanOrEqual(600)
    write(a.session, lane, 'four')
    await pass(world, 50)
    expect(laneOf(a)).toMatchObject({ state: 'active', messages: 4 })
    await pass(world, 1_500)
    for (const node of [a, b]) {
      const { lanes, ...session } = node.session.snapshot(10)
      expect(lanes).toMatchObject([{ ...sent, state: 'closed', messages: 4, creditBytes: 0 }])
      expect(session).toMatchObject({ lanesOpen: 0, lanesReaped: 0, bufferedBytes: 0 })
    }
    expect(a.session.snapshot(10).lanesClosedIdle).toBe(1)
    const { traffic } = a.session.snapshot(0)
    const back = b.session.snapshot(0).traffic
    expect([traffic.sentBytes, traffic.sentMessages]).toEqual([
      back.receivedBytes,
      back.receivedMessages,
    ])
    expect([back.sentBytes, back.sentMessages]).toEqual([
      traffic.receivedBytes,
      traffic.receivedMessages,
    ])
  })

  it('counts what was sent again and what found no room, and is bounded', async () => {
    const { world, a, b } = await connected({
      streams: { ...options.streams, laneBufferBytesMax: 65_536 },
    })
    const { lane } = openOwned(a.session, 'y')
    write(a.session, lane, 'first')
    await pass(world, 100)
    write(a.session, lane, 'x'.repeat(40_000))
    expect(lane.hasRoom(40_000)).toBe(false)
    world.wire.windowBytes = 1
    await new Promise((resolve) => setImmediate(resolve))
    a.connection.cut()
    await untilLater(world, () => a.session.carriage !== null)
    await pass(world, 200)
    expect(heard(b)).toHaveLength(2)
    const [snapshot] = a.session.snapshot(10).lanes
    expect(snapshot).toMatchObject({ refusedMessages: 1, messages: 2 })
    expect(snapshot?.retransmittedFrames).toBe(1)
    expect(snapshot?.retransmittedBytes).toBeGreaterThan(40_000)
    for (let number = 0; number < 5; number++) openOwned(a.session, `${number}`)
    expect(a.session.snapshot(3).lanes).toHaveLength(3)
    expect(a.table.snapshots(4).flatMap(({ lanes }) => lanes)).toHaveLength(4)
  })
})
