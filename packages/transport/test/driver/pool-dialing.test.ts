import { NodosumError, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { codeOf, type FakeConnection, poolWorld, settle, twoAddresses } from '../pool-world.ts'

const a = parseNodeId('a')
const b = parseNodeId('b')
const c = parseNodeId('c')
const d = parseNodeId('d')
const e = parseNodeId('e')

const oneAddress = twoAddresses.slice(0, 1)

describe('a pool that dials', () => {
  it('makes one attempt for all who ask', async () => {
    const { pool, transport } = poolWorld()
    const asked = [1, 2, 3].map(() => pool.dial(a))
    await settle()
    expect([transport.dials.length, pool.snapshot().dials]).toEqual([
      1,
      [{ peer: 'a', state: 'dialing', waiters: 3, ageMs: 0 }],
    ])
    const connection = transport.dials[0]?.succeed()
    expect(await Promise.all(asked)).toEqual([connection, connection, connection])
    expect(pool.snapshot().dials).toEqual([])
  })

  it('checks for the node that it dials, where certificates name nodes', async () => {
    const { pool, transport } = poolWorld({}, { expectIdentity: true })
    void codeOf(pool.dial(a))
    await settle()
    expect(transport.dials[0]?.options.expect).toBe('a')
  })

  it('tries the addresses in order, and only as many as it may', async () => {
    const addresses = [...twoAddresses, { host: '10.0.0.3', udpPort: 3, tcpPort: 0 }]
    const { pool, transport } = poolWorld({ addressesMax: 2 }, { addresses })
    const outcome = codeOf(pool.dial(a))
    await settle()
    transport.dials[0]?.fail()
    await settle()
    transport.dials[1]?.fail('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(await outcome).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(transport.dials.map(({ remote }) => remote)).toEqual([
      { host: '10.0.0.1', port: 1 },
      { host: '10.0.0.2', port: 2 },
    ])
  })

  it('fails fast for a while after a failure, longer after each, and says why', async () => {
    const options = { backoffBaseMs: 100, backoffMaxMs: 1_000 }
    const { pool, transport, scheduler } = poolWorld(options, { addresses: oneAddress })
    const waits: number[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      const outcome = codeOf(pool.dial(a))
      await settle()
      transport.dials.at(-1)?.fail()
      await outcome
      const refusal = await pool.dial(a).catch((error: NodosumError) => error)
      expect(refusal).toMatchObject({
        code: 'ERR_NODOSUM_NOT_CONNECTED',
        details: { lastError: 'ERR_NODOSUM_CONNECT_TIMEOUT' },
      })
      const { failures, state, retryInMs } = pool.snapshot().breakers[0] ?? {}
      expect([failures, state]).toEqual([attempt + 1, 'open'])
      waits.push(retryInMs as number)
      scheduler.runFor(retryInMs as number)
      expect(pool.snapshot().breakers[0]?.state).toBe('half-open')
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000)
    expect(waits[0]).toBeLessThanOrEqual(100)
    expect(Math.max(...waits.slice(-6))).toBeGreaterThan(200)
    expect(transport.dials).toHaveLength(12)
  })

  it('forgets failures once a connection is of use', async () => {
    const { pool, transport, scheduler, connected } = poolWorld({}, { addresses: oneAddress })
    const failed = codeOf(pool.dial(a))
    await settle()
    transport.dials[0]?.fail()
    await failed
    scheduler.runFor(200)
    await connected('a')
    expect(pool.snapshot().breakers).toEqual([])
    expect(transport.dials).toHaveLength(2)
  })

  it('forgets failures when told', async () => {
    const { pool, transport } = poolWorld({}, { addresses: oneAddress })
    const failed = codeOf(pool.dial(a))
    await settle()
    transport.dials[0]?.fail()
    await failed
    pool.forget(a)
    void codeOf(pool.dial(a))
    await settle()
    expect(transport.dials).toHaveLength(2)
  })

  it('backs off from a peer that turns its connections away', async () => {
    const { pool, transport, scheduler } = poolWorld({ backoffBaseMs: 1_000, backoffMaxMs: 8_000 })
    const failures: (number | undefined)[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const dialed = pool.dial(a)
      await settle()
      transport.dials.at(-1)?.succeed()
      const connection = (await dialed) as FakeConnection
      const error = new NodosumError('ERR_NODOSUM_LIMIT_CONNECTIONS', 'turned away', {
        details: { remote: true },
      })
      connection.end({ code: 1, error })
      await settle()
      failures.push(pool.snapshot().breakers[0]?.failures)
      expect(await codeOf(pool.dial(a))).toBe('ERR_NODOSUM_NOT_CONNECTED')
      scheduler.runFor(8_000)
    }
    expect(failures).toEqual([1, 2, 3])
  })

  it('does not hold it against a peer that a connection lost to another one', async () => {
    const { pool, transport } = poolWorld()
    const dialed = pool.dial(a)
    await settle()
    transport.dials[0]?.succeed()
    void (await dialed).close({ reason: 'DUPLICATE' })
    await settle()
    expect(pool.snapshot()).toMatchObject({ breakers: [], connections: [] })
  })

  it('dials a bounded number at once, then queues, then refuses', async () => {
    const { pool, transport } = poolWorld({ dialsMax: 2, dialQueueMax: 1 })
    const outcomes = [a, b, c, d].map((peer) => codeOf(pool.dial(peer)))
    await settle()
    expect(transport.dials).toHaveLength(2)
    expect(await outcomes[3]).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
    expect(pool.snapshot()).toMatchObject({ dialsWaiting: 1 })
    transport.dials[0]?.succeed()
    await settle()
    expect(transport.dials).toHaveLength(3)
    transport.dials[1]?.succeed()
    transport.dials[2]?.succeed()
    expect(await Promise.all(outcomes.slice(0, 3))).toEqual(['resolved', 'resolved', 'resolved'])
  })

  it('dials no faster than it may; the others wait for their turn', async () => {
    const { pool, transport, scheduler } = poolWorld({ dialsPerSecond: 2, dialBurst: 1 })
    for (const peer of [a, b, c]) void codeOf(pool.dial(peer))
    await settle()
    expect(transport.dials).toHaveLength(1)
    scheduler.runFor(499)
    await settle()
    expect(transport.dials).toHaveLength(1)
    scheduler.runFor(1)
    await settle()
    expect(transport.dials).toHaveLength(2)
    scheduler.runFor(500)
    await settle()
    expect(transport.dials).toHaveLength(3)
  })

  it('gives the place of a cancelled dial in the queue to the next who asks', async () => {
    const { pool, transport } = poolWorld({ dialsMax: 1, dialQueueMax: 2 })
    const controller = new AbortController()
    void codeOf(pool.dial(a))
    const gone = codeOf(pool.dial(b, { signal: controller.signal }))
    const third = codeOf(pool.dial(c))
    await settle()
    controller.abort()
    expect(await gone).toBe('ERR_NODOSUM_CANCELLED')
    const fourth = codeOf(pool.dial(d))
    expect(await codeOf(pool.dial(e))).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
    for (let index = 0; index < 3; index += 1) {
      transport.dials[index]?.succeed()
      await settle()
    }
    expect(await Promise.all([third, fourth])).toEqual(['resolved', 'resolved'])
    expect(transport.dials).toHaveLength(3)
  })

  it('takes only the caller out who aborts, and gives up after the last one', async () => {
    const { pool, transport } = poolWorld()
    const [one, two] = [new AbortController(), new AbortController()]
    const first = codeOf(pool.dial(a, { signal: one.signal }))
    const second = codeOf(pool.dial(a, { signal: two.signal }))
    await settle()
    one.abort()
    expect(await first).toBe('ERR_NODOSUM_CANCELLED')
    expect(transport.dials[0]?.options.signal?.aborted).toBe(false)
    two.abort()
    expect(await second).toBe('ERR_NODOSUM_CANCELLED')
    expect(transport.dials[0]?.options.signal?.aborted).toBe(true)
    const late = codeOf(pool.dial(a, { signal: AbortSignal.abort() }))
    expect(await late).toBe('ERR_NODOSUM_CANCELLED')
    expect(pool.snapshot()).toMatchObject({ dials: [], breakers: [] })
  })

  it('waits for the end of a dial that was given up before it dials the peer again', async () => {
    const { pool, transport } = poolWorld()
    transport.ignoresAborts = true
    const controller = new AbortController()
    const first = codeOf(pool.dial(a, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await first).toBe('ERR_NODOSUM_CANCELLED')
    const second = pool.dial(a)
    await settle()
    expect(transport.dials).toHaveLength(1)
    const late = transport.dials[0]?.succeed()
    await settle()
    // What came up for nobody is closed, and does not count.
    expect(late?.isGone).toBe(true)
    expect(transport.dials).toHaveLength(2)
    const connection = transport.dials[1]?.succeed()
    expect(await second).toBe(connection)
    expect(pool.size).toBe(1)
  })

  it('gives an error without a code one', async () => {
    const { pool, transport } = poolWorld()
    transport.connect = () => Promise.reject(new TypeError('a bug'))
    const error = await pool.dial(a).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_CONNECTION_LOST',
      cause: expect.any(TypeError),
    })
  })

  it('says why a peer cannot be dialed at all', async () => {
    const unknown = poolWorld({}, { addresses: [] })
    expect(await codeOf(unknown.pool.dial(a))).toBe('ERR_NODOSUM_NOT_CONNECTED')
    const deaf = poolWorld({}, { kinds: ['h2'] })
    const elsewhere = await deaf.pool.dial(a).catch((error: unknown) => error)
    expect(String(elsewhere)).toContain('no port for h2')
  })

  it('ends every dial when it closes, and refuses new ones', async () => {
    const { pool, transport, scheduler } = poolWorld({ dialsMax: 1 })
    const running = codeOf(pool.dial(a))
    const queued = codeOf(pool.dial(b))
    await settle()
    await Promise.all([pool.close(), pool.close()])
    expect([await running, await queued]).toEqual([
      'ERR_NODOSUM_SHUT_DOWN',
      'ERR_NODOSUM_SHUT_DOWN',
    ])
    expect(transport.dials[0]?.options.signal?.aborted).toBe(true)
    expect(await codeOf(pool.dial(c))).toBe('ERR_NODOSUM_SHUT_DOWN')
    expect([transport.dials.length, scheduler.pendingTimers]).toEqual([1, 0])
  })

  it('remembers the failures of a bounded number of peers, the latest', async () => {
    const options = { breakersMax: 2, backoffBaseMs: 60_000, backoffMaxMs: 60_000 }
    const { pool, transport } = poolWorld(options, { addresses: oneAddress })
    for (const peer of [a, b, c]) {
      const outcome = codeOf(pool.dial(peer))
      await settle()
      transport.dials.at(-1)?.fail()
      await outcome
    }
    expect(pool.snapshot().breakers.map(({ peer }) => peer)).toEqual(['b', 'c'])
    void codeOf(pool.dial(a))
    await settle()
    expect(transport.dials).toHaveLength(4)
    expect(await codeOf(pool.dial(c))).toBe('ERR_NODOSUM_NOT_CONNECTED')
  })
})
