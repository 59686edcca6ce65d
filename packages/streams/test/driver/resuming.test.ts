import { NodosumError, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { byteByByte } from '../fake-connections.ts'
import {
  connected,
  settle,
  type TestNode,
  type TestWorld,
  until,
  untilLater,
  write,
} from '../nodes.ts'

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `144/${from + index + 1} ${from + index}`)

async function replace(world: TestWorld, from: TestNode, to: TestNode): Promise<boolean> {
  return await from.table.moveTo(from.session, world.connect(to.id, from.id))
}

describe('a session that loses its connection', () => {
  it('goes on over another one: nothing is lost, repeated or out of order', async () => {
    for (const fragment of [byteByByte, (bytes: Uint8Array) => [bytes]]) {
      const { world, a, b } = await connected()
      world.wire.fragment = fragment
      const there = a.session.openLane('messages', 'x', 'y')
      const back = b.session.openLane('messages', 'x', 'y')
      for (let number = 1; number <= 60; number++) {
        write(a.session, there, `${number}`)
        write(b.session, back, `${number}`)
        write(b.session, b.session.control, `${number}`)
        // In the middle of things: what was written in this turn has not left.
        if (number % 20 === 10) await new Promise((resolve) => setImmediate(resolve))
        if (number % 20 === 0) {
          a.connection.cut()
          await untilLater(world, () => a.session.carriage !== null && b.session.carriage !== null)
        }
      }
      await untilLater(world, () => there.bufferedBytes + back.bufferedBytes === 0)
      expect(b.lanes[0]?.bodies).toEqual(numbered(1, 60))
      expect(a.lanes[0]?.bodies).toEqual(numbered(1, 60))
      expect(a.control).toEqual(Array.from({ length: 60 }, (_, index) => `144 ${index + 1}`))
      expect([a.sessions.length, b.sessions.length]).toEqual([1, 1])
      expect([a.endings, b.endings]).toEqual([[], []])
      expect(a.session.carriage?.attachment).toBeGreaterThanOrEqual(4)
    }
  })

  it('takes messages meanwhile, up to its limit', async () => {
    const { world, a, b } = await connected({ streams: { laneBufferBytesMax: 65_536 } })
    const lane = a.session.openLane('messages', 'x', 'y')
    await until(() => b.lanes.length === 1)
    a.dialFails = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'no way')
    b.dialFails = a.dialFails
    a.connection.cut()
    let written = 0
    for (; lane.hasRoom(1_000); written++) write(a.session, lane, 'x'.repeat(1_000))
    expect(written).toBeGreaterThan(55)
    expect(lane.bufferedBytes).toBeLessThanOrEqual(65_536)
    await settle()
    expect([a.table.get(a.session.peer), [...a.table.sessions()]]).toEqual([a.session, []])
    a.dialFails = null
    b.dialFails = null
    let hasRoom = false
    lane.onRoom = () => {
      hasRoom = true
    }
    await untilLater(world, () => hasRoom)
    expect(b.lanes[0]?.bodies.length).toBe(written)
  })

  it('knows whether its peer owes it an answer', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await untilLater(world, () => b.lanes.length === 1 && lane.bufferedBytes === 0)
    world.scheduler.runFor(5_000)
    expect(a.session.isUnanswered(1_000)).toBe(false)
    world.wire.fragment = () => []
    write(a.session, lane, 'into the void')
    await settle()
    expect(a.session.isUnanswered(6_000)).toBe(false)
    expect(a.session.isUnanswered(1_000)).toBe(true)
  })

  it('sends messages again that are larger than a frame, as one', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    const large = 'large '.repeat(60_000)
    world.wire.fragment = (bytes) => [bytes.subarray(0, 1_000), bytes.subarray(1_000)]
    write(a.session, lane, 'before')
    write(a.session, lane, large)
    write(a.session, lane, 'after')
    await new Promise((resolve) => setImmediate(resolve))
    a.connection.cut()
    await untilLater(world, () => b.lanes[0]?.bodies.length === 3)
    expect(b.lanes[0]?.bodies).toEqual(['144/2 before', `144/3 ${large}`, '144/4 after'])
  })

  it('drops what a paused lane held, and gets it again', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await until(() => b.lanes.length === 1)
    b.lanes[0]?.lane.pause()
    for (let number = 1; number <= 10; number++) write(a.session, lane, `${number}`)
    await settle()
    expect(b.session.heldBytes).toBeGreaterThan(0)
    a.connection.cut()
    expect(b.session.heldBytes).toBe(0)
    await untilLater(world, () => b.session.heldBytes > 0)
    expect(b.lanes[0]?.bodies).toEqual([])
    b.lanes[0]?.lane.resume()
    await until(() => b.lanes[0]?.bodies.length === 10)
    expect(b.lanes[0]?.bodies).toEqual(numbered(1, 10))
  })

  it('ends when no connection comes up in time, and says what is unknown', async () => {
    const options = { streams: { detachedMaxMs: 6_000, retentionMs: 2_000, leakAfterMs: 90_000 } }
    for (const hasFailed of [false, true]) {
      const { world, a, b } = await connected(options)
      const lane = a.session.openLane('messages', 'x', 'y')
      await untilLater(world, () => lane.bufferedBytes === 0)
      a.table.peerFailed(parseNodeId('b'), hasFailed)
      world.scheduler.runFor(60_000)
      await settle()
      // As long as it has a connection, hearsay ends nothing.
      expect(a.endings).toEqual([])
      a.dialFails = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'no way')
      b.dialFails = a.dialFails
      a.connection.cut()
      write(a.session, lane, 'unknown')
      const cutMs = world.scheduler.nowMs()
      const dialsBefore = a.dials
      await untilLater(world, () => a.endings.length > 0)
      expect(a.endings).toMatchObject([{ code: 'ERR_NODOSUM_CONNECTION_LOST' }])
      expect(a.unknown).toEqual([{ stream: 1, from: 2, to: 2 }])
      const waitedMs = world.scheduler.nowMs() - cutMs
      expect(Math.round(waitedMs / 100)).toBe(hasFailed ? 20 : 60)
      // At pauses that grow, also when a dial fails at once.
      expect(a.dials - dialsBefore).toBeGreaterThan(3)
      expect(a.dials - dialsBefore).toBeLessThan(30)
    }
  })

  it('ends when the peer does not know it any more', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await untilLater(world, () => lane.bufferedBytes === 0)
    const first = a.session
    // b ends it without a word that reaches a.
    a.dialFails = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'not yet')
    b.dialFails = a.dialFails
    a.connection.cut()
    b.session.end(new NodosumError('ERR_NODOSUM_OVERLOAD', 'enough'))
    write(first, lane, 'unknown')
    a.dialFails = null
    await untilLater(world, () => a.sessions.length === 2 && b.sessions.length === 2)
    expect(a.endings).toMatchObject([{ code: 'ERR_NODOSUM_CONNECTION_LOST' }])
    expect(a.endings[0]?.message).toContain('does not know')
    expect(a.unknown).toEqual([{ stream: 1, from: 2, to: 2 }])
    expect(a.session.id).toBe(b.session.id)
    expect(a.session.id).not.toBe(first.id)
    const next = a.session.openLane('messages', 'x', 'y')
    write(a.session, next, '1')
    await until(() => b.lanes[1]?.bodies.length === 1)
  })

  it('goes on with nobody whose certificate names another', async () => {
    const { world, a, b } = await connected({ certificate: '' })
    const first = a.connection
    const realConnect = world.connect.bind(world)
    world.connect = (to, certificate) => {
      const near = realConnect(to, certificate)
      for (const end of [near, near.other]) if (end !== null) end.peer = { nodeId: null, uri: 'x' }
      return near
    }
    first.cut()
    await expect(a.ensure('b')).rejects.toMatchObject({ code: 'ERR_NODOSUM_IDENTITY_MISMATCH' })
    expect([a.endings, b.endings, b.session.carriage]).toEqual([[], [], null])
  })
})

describe('a connection that is replaced while it works', () => {
  it('hands over in the middle of messages in both directions', async () => {
    const { world, a, b } = await connected()
    const there = a.session.openLane('messages', 'x', 'y')
    const back = b.session.openLane('messages', 'x', 'y')
    let number = 0
    for (let round = 0; round < 10; round++) {
      const before = a.connection
      const moved = round % 2 === 0 ? replace(world, a, b) : replace(world, b, a)
      for (let turn = 0; turn < 12; turn++) {
        number += 1
        write(a.session, there, `${number}`)
        write(b.session, back, `${number}`)
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await moved).toBe(true)
      await until(() => before.closedWith !== null)
    }
    await until(() => b.lanes[0]?.bodies.length === number && a.lanes[0]?.bodies.length === number)
    expect(b.lanes[0]?.bodies).toEqual(numbered(1, number))
    expect(a.lanes[0]?.bodies).toEqual(numbered(1, number))
    expect([a.endings, b.endings, a.sessions.length]).toEqual([[], [], 1])
  })

  it('by both ends at the same moment leaves one, and both ends use it', async () => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const { world, a, b } = await connected()
      if (attempt % 2 === 1) world.wire.fragment = byteByByte
      const lane = a.session.openLane('messages', 'x', 'y')
      const before = a.connection
      const [byA, byB] = await Promise.all([replace(world, a, b), replace(world, b, a)])
      write(a.session, lane, 'goes on')
      await until(() => b.lanes[0]?.bodies.length === 1)
      await until(() => before.closedWith !== null)
      // The lower id wins.
      expect([byA, byB]).toEqual([true, false])
      expect(a.connection.other).toBe(b.connection)
      const open = world.connections.filter(({ closedWith }) => closedWith === null)
      expect(open).toHaveLength(2)
      expect([a.endings, b.endings]).toEqual([[], []])
    }
  })

  it('stays when the new one comes to nothing', async () => {
    const { world, a, b } = await connected()
    const before = a.connection
    world.holds = true
    const moved = replace(world, a, b)
    await settle()
    world.scheduler.runFor(5_000)
    expect(await moved).toBe(false)
    world.holds = false
    const lane = a.session.openLane('messages', 'x', 'y')
    write(a.session, lane, 'still here')
    await until(() => b.lanes[0]?.bodies.length === 1)
    expect(a.connection).toBe(before)
  })

  it('is given up when it works no more: what was on it goes over the next', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await until(() => b.lanes.length === 1)
    write(a.session, lane, '1')
    const { carriage } = a.session
    if (carriage === null) throw new Error('no connection')
    a.session.abandon(carriage, new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'stalled'))
    expect(a.session.carriage).toBeNull()
    await untilLater(world, () => b.lanes[0]?.bodies.length === 1)
    expect([a.endings, b.endings]).toEqual([[], []])
  })
})

describe('a connection without use', () => {
  it('closes, and the session waits without one until somebody sends', async () => {
    const { world, a, b } = await connected()
    const lane = a.session.openLane('messages', 'x', 'y')
    await untilLater(world, () => lane.bufferedBytes === 0 && b.session.isIdle)
    const { carriage } = a.session
    if (carriage === null) throw new Error('no connection')
    a.isIdle = false
    expect(a.session.retire(carriage)).toBe(false)
    a.isIdle = true
    expect(a.session.retire(carriage)).toBe(true)
    await until(() => b.session.carriage === null)
    world.scheduler.runFor(10_000)
    await settle()
    expect([a.session.carriage, b.session.carriage, a.dials]).toEqual([null, null, 1])
    write(a.session, lane, '1')
    await untilLater(world, () => b.lanes[0]?.bodies.length === 1)
    expect([a.sessions.length, b.sessions.length]).toEqual([1, 1])
  })

  it('that the other end still has a use for is opened again by it', async () => {
    const { world, a, b } = await connected()
    b.isIdle = false
    const { carriage } = a.session
    if (carriage === null) throw new Error('no connection')
    expect(a.session.retire(carriage)).toBe(true)
    await until(() => b.session.carriage === null)
    await untilLater(world, () => a.session.carriage !== null && b.session.carriage !== null)
    expect([a.sessions.length, b.sessions.length, b.dials]).toEqual([1, 1, 1])
  })
})
