import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { codeOf, FakeUse, listening, pass, poolWorld, settle } from '../pool-world.ts'

const limitConnections = 0x4e6f_0010
const rateLimited = 0x4e6f_0011

describe('a pool that accepts', () => {
  it('hands connections up and counts them', async () => {
    const { pool, transport, handedUp } = await listening(poolWorld())
    const one = transport.accept('10.0.0.1', 'a')
    const two = transport.accept('10.0.0.2')
    expect(handedUp).toEqual([one, two])
    expect(pool.snapshot().connections).toMatchObject([
      { peer: 'a', role: 'acceptor', state: 'open', isBusy: false },
      { peer: null, role: 'acceptor', state: 'open' },
    ])
    one.end()
    await settle()
    expect(pool.size).toBe(1)
  })

  it('hands them up no faster than it may, in their order, and turns away what may not wait', async () => {
    const options = { acceptsPerSecond: 1, acceptBurst: 2, acceptQueueMax: 2 }
    const { pool, transport, handedUp, scheduler } = await listening(poolWorld(options))
    const all = [1, 2, 3, 4, 5].map((host) => transport.accept(`10.0.0.${host}`))
    expect(handedUp).toEqual(all.slice(0, 2))
    expect(all[4]?.closedWith).toEqual({
      code: rateLimited,
      reason: 'ERR_NODOSUM_RATE_LIMITED: acceptQueueMax of the peer is 2',
    })
    expect(pool.snapshot()).toMatchObject({ acceptsWaiting: 2, counters: { refusedRate: 1 } })
    scheduler.runFor(1_000)
    expect(handedUp).toEqual(all.slice(0, 3))
    scheduler.runFor(1_000)
    expect(handedUp).toEqual(all.slice(0, 4))
  })

  it('lets nobody overtake those who wait', async () => {
    const options = { acceptsPerSecond: 1, acceptBurst: 1 }
    const { transport, handedUp, scheduler } = await listening(poolWorld(options))
    const all = ['10.0.0.1', '10.0.0.2'].map((host) => transport.accept(host))
    scheduler.runFor(999)
    all.push(transport.accept('10.0.0.3'))
    scheduler.runFor(1)
    expect(handedUp).toEqual(all.slice(0, 2))
    scheduler.runFor(1_000)
    expect(handedUp).toEqual(all)
  })

  it('passes over one that closed while it waited, at no cost', async () => {
    const options = { acceptsPerSecond: 1, acceptBurst: 1 }
    const { transport, handedUp, scheduler } = await listening(poolWorld(options))
    const [first, gone, last] = [1, 2, 3].map((host) => transport.accept(`10.0.0.${host}`))
    gone?.end()
    await settle()
    scheduler.runFor(1_000)
    expect(handedUp).toEqual([first, last])
  })

  it('takes a bounded number from one address', async () => {
    const { pool, transport, handedUp } = await listening(poolWorld({ connectionsPerSourceMax: 2 }))
    const [first, , third] = [1, 2, 3].map(() => transport.accept('10.0.0.1'))
    const elsewhere = transport.accept('10.0.0.2')
    expect(third?.closedWith?.code).toBe(limitConnections)
    expect(handedUp).toHaveLength(3)
    expect(handedUp).toContain(elsewhere)
    expect(pool.snapshot().counters.refusedSourceLimit).toBe(1)
    first?.end()
    await settle()
    expect(transport.accept('10.0.0.1').closedWith).toBeNull()
  })

  it('takes a bounded number that nobody has a use for yet', async () => {
    const { pool, transport } = await listening(poolWorld({ halfOpenMax: 1 }))
    const first = transport.accept('10.0.0.1')
    expect(transport.accept('10.0.0.2').closedWith?.code).toBe(limitConnections)
    expect(pool.snapshot().counters.refusedHalfOpenLimit).toBe(1)
    pool.takeIntoUse(first, new FakeUse('a', first))
    expect(transport.accept('10.0.0.3').closedWith).toBeNull()
  })

  it('turns connections away at its cap, and makes room for the next one', async () => {
    const { pool, transport, warnings } = await listening(poolWorld({ connectionsMax: 2 }))
    const [old, recent] = ['a', 'b'].map((peer) => {
      const connection = transport.accept('10.0.0.1', peer)
      const use = new FakeUse(peer, connection)
      pool.takeIntoUse(connection, use)
      return { connection, use }
    })
    if (old !== undefined) old.use.isBusy = true
    const third = transport.accept('10.0.0.1')
    expect(third.closedWith?.code).toBe(limitConnections)
    expect(warnings).toEqual(['connection.refused'])
    await settle()
    expect([old?.connection.isGone, recent?.connection.isGone]).toEqual([false, true])
    expect(transport.accept('10.0.0.1').closedWith).toBeNull()
    expect(pool.snapshot().counters).toMatchObject({ refusedConnectionLimit: 1, closedForRoom: 1 })
  })

  it('listens on all transports or on none', async () => {
    const { pool, transports } = poolWorld({}, { kinds: ['quic', 'h2'] })
    const [quic, h2] = transports
    if (h2 !== undefined) h2.listenFails = true
    expect(await codeOf(pool.listen(() => undefined))).toBe('ERR_NODOSUM_LISTEN_FAILED')
    expect(quic?.isListening).toBe(false)
  })

  it('closes everything when it closes', async () => {
    const { pool, transport, scheduler } = await listening(poolWorld({ acceptBurst: 1 }))
    const [first, second] = [1, 2].map(() => transport.accept('10.0.0.1'))
    await pool.close()
    expect([first?.isGone, second?.isGone, transport.isListening]).toEqual([true, true, false])
    expect([pool.size, scheduler.pendingTimers]).toEqual([0, 0])
    // One that was on its way up.
    expect(transport.accept('10.0.0.1').closedWith).toEqual({ reason: 'shutting down' })
  })
})

describe('a pool at its cap', () => {
  it('closes the least recently used idle connection for a new one', async () => {
    const world = poolWorld({ connectionsMax: 3, idleTimeoutMs: 86_400_000 })
    const [a, b, c] = [
      await world.connected('a'),
      await world.connected('b'),
      await world.connected('c'),
    ]
    a.use.isBusy = true
    await pass(world, 5_000)
    b.use.activityCount += 1
    await pass(world, 5_000)
    const d = await world.connected('d')
    const gone = [a, b, c, d].map(({ connection }) => connection.isGone)
    expect(gone).toEqual([false, false, true, false])
    expect(world.pool.snapshot().counters.closedForRoom).toBe(1)
  })

  it('passes over one that its peer wants to keep', async () => {
    const world = poolWorld({ connectionsMax: 2 })
    const [a, b] = [await world.connected('a'), await world.connected('b')]
    a.use.peerIsBusy = true
    world.scheduler.runFor(10)
    await world.connected('c')
    expect([a.connection.isGone, b.connection.isGone]).toEqual([false, true])
  })

  it('refuses a dial when all are in use, and says which limit it is', async () => {
    const world = poolWorld({ connectionsMax: 1 })
    const { use } = await world.connected('a')
    use.isBusy = true
    const refused = world.pool.dial(parseNodeId('b'))
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_NODOSUM_LIMIT_CONNECTIONS',
      details: { connectionsMax: 1 },
    })
    // That says nothing about the peer.
    expect(world.pool.snapshot().breakers).toEqual([])
    use.isBusy = false
    await world.connected('b')
  })

  it('counts dials under way', async () => {
    const { pool, transport } = poolWorld({ connectionsMax: 1 })
    const first = pool.dial(parseNodeId('a'))
    await settle()
    expect(await codeOf(pool.dial(parseNodeId('b')))).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
    transport.dials[0]?.succeed()
    await first
    expect([pool.size, transport.dials.length]).toEqual([1, 1])
  })
})
