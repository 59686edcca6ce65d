import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { pass, poolWorld, settle } from '../pool-world.ts'

describe('the health of a connection', () => {
  it('is asked for with pings, whose round trips can be inspected', async () => {
    const world = poolWorld({ pingMs: 2_000 })
    const { connection } = await world.connected('a')
    await pass(world, 10_000)
    expect(connection.pings).toBeGreaterThanOrEqual(4)
    expect(connection.pings).toBeLessThanOrEqual(5)
    expect(world.pool.snapshot().connections[0]?.pings).toMatchObject({
      lastRttMs: 2,
      smoothedRttMs: 2,
      minRttMs: 2,
      unanswered: 0,
    })
  })

  it('is lost when a ping is owed an answer and nothing comes: closed and opened again', async () => {
    const world = poolWorld({ pingMs: 1_000, stallTimeoutMs: 5_000 })
    const { connection, use } = await world.connected('a')
    connection.answersPings = false
    await pass(world, 5_000)
    expect(use.abandonedWith).toEqual([])
    await pass(world, 2_500)
    expect(use.abandonedWith).toMatchObject([
      { code: 'ERR_NODOSUM_CONNECTION_LOST', details: { verdict: 'silent', peer: 'a' } },
    ])
    await settle()
    expect([connection.isGone, world.warnings]).toEqual([true, ['connection.stalled']])
    expect(world.pool.snapshot().counters.stalled).toBe(1)
  })

  it('holds while bytes arrive, although the answer to a ping is late', async () => {
    const world = poolWorld({ pingMs: 1_000, stallTimeoutMs: 2_000 })
    const { connection, use } = await world.connected('a')
    connection.answersPings = false
    for (let second = 0; second < 20; second++) {
      connection.receivedBytes += 1
      await pass(world, 1_000)
    }
    expect(use.abandonedWith).toEqual([])
    // One at a time: nothing piles up.
    expect(connection.pings).toBe(1)
  })

  it('is lost when bytes that the peer always takes do not move', async () => {
    const world = poolWorld({ stallTimeoutMs: 3_000 })
    const { use } = await world.connected('a')
    use.waitingBytes = 100
    for (let second = 0; second < 10; second++) {
      use.movedBytes += 1
      await pass(world, 1_000)
    }
    expect(use.abandonedWith).toEqual([])
    await pass(world, 5_000)
    expect(use.abandonedWith).toMatchObject([{ details: { verdict: 'stuck' } }])
  })

  it('is watched before a connection is in use, too', async () => {
    const world = poolWorld({ pingMs: 1_000, stallTimeoutMs: 2_000 })
    await world.pool.listen(() => undefined)
    const connection = world.transport.accept('10.0.0.1')
    connection.answersPings = false
    await pass(world, 6_000)
    expect(connection.isGone).toBe(true)
  })
})

describe('a connection to a peer that is said to have failed', () => {
  const a = parseNodeId('a')

  it('is given up when a ping brings nothing in time, and only that one', async () => {
    const world = poolWorld({ probeTimeoutMs: 1_000, pingMs: 600_000 })
    const failed = await world.connected('a')
    const other = await world.connected('b')
    for (const { connection } of [failed, other]) connection.answersPings = false
    await pass(world, 2_000)
    const before = failed.connection.pings
    world.pool.probe(a)
    world.pool.probe(a)
    expect(failed.connection.pings).toBe(before + 1)
    await pass(world, 900)
    expect(failed.use.abandonedWith).toEqual([])
    await pass(world, 200)
    expect(failed.use.abandonedWith).toMatchObject([
      { code: 'ERR_NODOSUM_CONNECTION_LOST', details: { verdict: 'failed', peer: 'a' } },
    ])
    expect(other.use.abandonedWith).toEqual([])
    expect([failed.connection.isGone, world.warnings]).toEqual([true, ['connection.stalled']])
  })

  it('is kept when the ping is answered, or anything else comes', async () => {
    const world = poolWorld({ probeTimeoutMs: 1_000, pingMs: 600_000 })
    const { connection, use } = await world.connected('a')
    world.pool.probe(a)
    await pass(world, 2_000)
    connection.answersPings = false
    world.pool.probe(a)
    await pass(world, 600)
    connection.receivedBytes += 1
    await pass(world, 2_000)
    expect(use.abandonedWith).toEqual([])
  })

  it('is kept after this process stood still, until it has listened for long enough', async () => {
    const world = poolWorld({ probeTimeoutMs: 1_000, pingMs: 600_000 })
    const { connection, use } = await world.connected('a')
    // The first ping of a connection is answered; this one is not.
    await pass(world, 2_000)
    connection.answersPings = false
    world.pool.probe(a)
    await pass(world, 900)
    // The next look comes late; what has arrived meanwhile is read after it.
    const clock = world.scheduler.nowMs.bind(world.scheduler)
    world.scheduler.nowMs = () => clock() + 10_000
    await pass(world, 200)
    expect(use.abandonedWith).toEqual([])
    await pass(world, 300)
    expect(use.abandonedWith).toHaveLength(1)
  })

  it('leaves no verdict behind when the pool closes meanwhile', async () => {
    const world = poolWorld({ probeTimeoutMs: 1_000, pingMs: 600_000 })
    const { connection, use } = await world.connected('a')
    connection.answersPings = false
    world.pool.probe(a)
    const closing = world.pool.close()
    await pass(world, 2_000)
    await closing
    expect([use.abandonedWith, world.warnings]).toEqual([[], []])
  })
})
