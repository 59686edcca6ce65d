import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { PoolOptions, TransportCredentials } from '../../src/index.ts'
import {
  codeOf,
  FakeUse,
  listening,
  type PoolWorld,
  pass,
  poolWorld,
  settle,
} from '../pool-world.ts'

const credentials: TransportCredentials = { certificatePem: 'c', keyPem: 'k', caPem: 'a' }

describe('a connection without use', () => {
  it('closes after the idle time, and not before', async () => {
    const world = poolWorld({ idleTimeoutMs: 5_000 })
    const { connection, use } = await world.connected('a')
    await pass(world, 3_000)
    use.activityCount += 1
    await pass(world, 5_000)
    expect(connection.isGone).toBe(false)
    await pass(world, 2_000)
    expect(connection.closedWith).toEqual({ reason: 'not in use' })
    expect(world.pool.snapshot().counters.closedIdle).toBe(1)
    // Nothing is left to look after.
    expect(world.scheduler.pendingTimers).toBe(0)
  })

  it('stays while something is under way at either end', async () => {
    const world = poolWorld({ idleTimeoutMs: 2_000 })
    const { connection, use } = await world.connected('a')
    use.isBusy = true
    await pass(world, 10_000)
    expect(use.retires).toBe(0)
    use.isBusy = false
    use.peerIsBusy = true
    await pass(world, 10_000)
    expect([connection.isGone, world.pool.snapshot().connections[0]?.state]).toEqual([
      false,
      'active',
    ])
    use.peerIsBusy = false
    await pass(world, 4_000)
    expect(connection.isGone).toBe(true)
  })

  it('is dialed again when somebody asks', async () => {
    const world = poolWorld({ idleTimeoutMs: 2_000 })
    const { connection } = await world.connected('a')
    await pass(world, 4_000)
    expect(connection.isGone).toBe(true)
    const again = await world.connected('a')
    expect(again.connection.isGone).toBe(false)
  })
})

describe('a connection that is due', () => {
  it('is replaced for its age: the new one comes up first', async () => {
    const world = poolWorld({ connectionAgeMaxMs: 10_000 })
    const { connection, use } = await world.connected('a')
    await pass(world, 7_500)
    expect(world.transport.dials).toHaveLength(1)
    await pass(world, 3_000)
    expect(world.transport.dials).toHaveLength(2)
    expect([connection.isGone, world.pool.snapshot().connections[0]]).toMatchObject([
      false,
      { state: 'replacing', replacement: 'age' },
    ])
    const next = world.transport.dials[1]?.succeed()
    await settle()
    expect(use.moves).toEqual([next])
    expect([connection.isGone, next?.isGone]).toEqual([true, false])
    expect(world.pool.snapshot().counters).toMatchObject({ replaced: 1 })
  })

  it('is replaced for the packets that it has sent', async () => {
    const world = poolWorld({ connectionPacketsMax: 5_000 })
    const { connection } = await world.connected('a')
    connection.sentPackets = 4_999
    await pass(world, 2_000)
    expect(world.transport.dials).toHaveLength(1)
    connection.sentPackets = 5_000
    await pass(world, 1_000)
    expect(world.transport.dials).toHaveLength(2)
    expect(world.pool.snapshot().connections[0]?.replacement).toBe('packets')
  })

  it('stays when nothing goes over the new one, which goes; then it is tried again', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000, replaceRetryMs: 3_000 })
    const { connection, use } = await world.connected('a')
    connection.sentPackets = 1_000
    use.refusesMoves = true
    await pass(world, 1_000)
    const next = world.transport.dials[1]?.succeed()
    await settle()
    expect([connection.isGone, next?.isGone]).toEqual([false, true])
    expect(world.pool.snapshot().counters.replacementsPostponed).toBe(1)
    expect(world.transport.dials).toHaveLength(2)
    use.refusesMoves = false
    await pass(world, 4_000)
    world.transport.dials[2]?.succeed()
    await settle()
    expect(connection.isGone).toBe(true)
  })

  it('is replaced in use, too', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000 })
    const { connection, use } = await world.connected('a')
    connection.sentPackets = 1_000
    use.isBusy = true
    await pass(world, 1_000)
    const next = world.transport.dials[1]?.succeed()
    await settle()
    expect([use.moves, connection.isGone]).toEqual([[next], true])
  })

  it('lives on when the new one does not come up', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000, replaceRetryMs: 1_000 })
    const { connection } = await world.connected('a')
    connection.sentPackets = 1_000
    await pass(world, 1_000)
    world.transport.dials[1]?.fail()
    await settle()
    world.transport.dials[2]?.fail()
    await settle()
    expect([connection.isGone, world.pool.snapshot().connections[0]?.state]).toEqual([
      false,
      'active',
    ])
    await pass(world, 15_000)
    expect(world.transport.dials.length).toBeGreaterThan(3)
  })

  it('leaves the new one to a caller who lost the old one meanwhile', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000 })
    const { connection, use } = await world.connected('a')
    connection.sentPackets = 1_000
    await pass(world, 1_000)
    const caller = world.pool.dial(parseNodeId('a'))
    connection.end()
    await settle()
    expect(world.transport.dials).toHaveLength(2)
    const next = world.transport.dials[1]?.succeed()
    expect(await caller).toBe(next)
    await settle()
    expect([use.moves.length, next?.isGone]).toEqual([0, false])
  })

  it('leaves the new one to a caller also while the old one lives', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000 })
    const { connection, use } = await world.connected('a')
    connection.sentPackets = 1_000
    await pass(world, 1_000)
    const caller = world.pool.dial(parseNodeId('a'))
    const next = world.transport.dials[1]?.succeed()
    expect(await caller).toBe(next)
    await settle()
    expect([use.moves.length, next?.isGone, connection.isGone]).toEqual([0, false, false])
  })

  it('gives the dial up when the old one ends and nobody asks', async () => {
    const world = poolWorld({ connectionPacketsMax: 1_000 })
    const { connection } = await world.connected('a')
    connection.sentPackets = 1_000
    await pass(world, 1_000)
    connection.end()
    await settle()
    expect(world.transport.dialing).toHaveLength(0)
    expect(world.pool.size).toBe(0)
  })
})

describe('a connection that the peer has dialed', () => {
  async function accepted(options: PoolOptions): Promise<{ world: PoolWorld; use: FakeUse }> {
    const world = await listening(poolWorld(options))
    const use = new FakeUse('a', world.transport.accept('10.0.0.1', 'a'))
    world.pool.takeIntoUse(use.connection, use)
    return { world, use }
  }

  it('is replaced by the peer, which is asked once', async () => {
    const { world, use } = await accepted({ replaceWithinMs: 5_000 })
    world.pool.reloadCredentials(credentials)
    await pass(world, 5_000)
    expect([use.asks, world.transport.dials.length]).toEqual([1, 0])
    expect(world.pool.snapshot().connections).toMatchObject([
      { state: 'active', replacement: 'credentials' },
    ])
    expect(world.pool.snapshot().counters.replacementsAsked).toBe(1)
  })

  it('is replaced from here when the peer has not done it in time', async () => {
    const { world, use } = await accepted({ replaceWithinMs: 5_000 })
    world.pool.reloadCredentials(credentials)
    await pass(world, 6_500)
    const next = world.transport.dials[0]?.succeed()
    await settle()
    expect([use.asks, use.moves]).toEqual([1, [next]])
    // That one was dialed from here, and is in order.
    const moved = new FakeUse('a', next as FakeUse['connection'])
    world.pool.takeIntoUse(moved.connection, moved)
    await pass(world, 20_000)
    expect([moved.asks, moved.moves, world.transport.dials.length]).toEqual([0, [], 1])
  })

  it('is not replaced because the peer asks, which has to do it itself', async () => {
    const { world, use } = await accepted({})
    world.pool.replacementAsked(use.connection)
    await pass(world, 5_000)
    expect([use.asks, world.transport.dials.length, use.moves]).toEqual([0, 0, []])
  })
})

describe('a connection whose other end asks for a replacement', () => {
  it('is replaced by the end that dialed it', async () => {
    const world = poolWorld()
    const { connection, use } = await world.connected('a')
    await pass(world, 3_000)
    expect(world.transport.dials).toHaveLength(1)
    world.pool.replacementAsked(connection)
    await pass(world, 1_000)
    const next = world.transport.dials[1]?.succeed()
    await settle()
    expect(use.moves).toEqual([next])
    expect(use.asks).toBe(0)
  })

  it('is nothing to a pool that does not know it', () => {
    expect(() => poolWorld().pool.replacementAsked({})).not.toThrow()
  })
})

describe('reloaded credentials', () => {
  it('are given to every transport, and connections made before are replaced', async () => {
    const world = poolWorld()
    const old = await world.connected('a')
    world.pool.reloadCredentials(credentials)
    expect(world.transport.credentials).toEqual([credentials])
    await pass(world, 1_000)
    const next = world.transport.dials[1]?.succeed()
    await settle()
    expect([old.connection.isGone, next?.isGone]).toEqual([true, false])
    const [current] = world.pool.snapshot().connections
    expect(current).toMatchObject({ credentials: 1, replacement: null })
    await pass(world, 10_000)
    expect(world.transport.dials).toHaveLength(2)
  })

  it('replace a connection whose dial had begun before', async () => {
    const world = poolWorld()
    const dialed = world.pool.dial(parseNodeId('a'))
    await settle()
    world.pool.reloadCredentials(credentials)
    world.transport.dials[0]?.succeed()
    const use = new FakeUse('a', (await dialed) as FakeUse['connection'])
    world.pool.takeIntoUse(use.connection, use)
    expect(world.pool.snapshot().connections).toMatchObject([{ credentials: 0 }])
    await pass(world, 1_000)
    world.transport.dials[1]?.succeed()
    await settle()
    expect(world.pool.snapshot().connections).toMatchObject([{ credentials: 1 }])
  })

  it('replace also what is always in use, within a bounded time', async () => {
    const world = poolWorld({ replaceWithinMs: 5_000 })
    const { connection, use } = await world.connected('a')
    use.isBusy = true
    world.pool.reloadCredentials(credentials)
    for (let second = 0; second < 7; second++) {
      await pass(world, 1_000)
      for (const dial of world.transport.dialing) dial.succeed()
      await settle()
    }
    expect(connection.isGone).toBe(true)
  })

  it('that one transport cannot use change nothing anywhere', async () => {
    const world = poolWorld({}, { kinds: ['quic', 'h2'] })
    const [quic, h2] = world.transports
    if (h2 !== undefined) h2.refusesCredentials = true
    const reload = (async () => world.pool.reloadCredentials(credentials))()
    expect(await codeOf(reload)).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect([quic?.credentials, world.pool.snapshot().counters.credentialsReloaded]).toEqual([[], 0])
  })
})
