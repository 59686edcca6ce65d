import { NodosumError, parseNodeId, seededRandom, silentLogger } from '@nodosum/kernel'
import { simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import {
  type Connection,
  type ConnectOptions,
  Dialer,
  type DialerOptions,
  type HostPort,
} from '../../src/index.ts'

interface Dial {
  readonly remote: HostPort
  readonly options: ConnectOptions
  succeed(): FakeConnection
  fail(code?: 'ERR_NODOSUM_CONNECT_TIMEOUT' | 'ERR_NODOSUM_CERT_UNTRUSTED'): void
}

interface FakeConnection extends Connection {
  closes: number
}

const addresses = [
  { host: '10.0.0.1', port: 1 },
  { host: '10.0.0.2', port: 2 },
]

function world(options: DialerOptions = {}) {
  const scheduler = simulatedScheduler()
  const dials: Dial[] = []
  const connect = (remote: HostPort, given: ConnectOptions = {}): Promise<Connection> => {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    given.signal?.addEventListener('abort', () =>
      reject(new NodosumError('ERR_NODOSUM_CANCELLED', 'aborted')),
    )
    dials.push({
      remote,
      options: given,
      succeed: () => {
        const connection = {
          closes: 0,
          close() {
            connection.closes += 1
            return Promise.resolve()
          },
        } as unknown as FakeConnection
        resolve(connection)
        return connection
      },
      fail: (code = 'ERR_NODOSUM_CONNECT_TIMEOUT') =>
        reject(new NodosumError(code, `${remote.host} failed`)),
    })
    return promise
  }
  const dialer = new Dialer({
    transport: { connect },
    scheduler,
    random: seededRandom('dialer'),
    logger: silentLogger,
    options,
  })
  return { dialer, dials, scheduler }
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  )
}

/** Lets promises settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a dialer', () => {
  it('makes one attempt for all who ask', async () => {
    const { dialer, dials } = world()
    const asked = [1, 2, 3].map(() => dialer.dial('a', addresses))
    expect([dials.length, dialer.pending]).toEqual([1, 1])
    const connection = dials[0]?.succeed()
    expect(await Promise.all(asked)).toEqual([connection, connection, connection])
    expect(dialer.pending).toBe(0)
  })

  it('does not share an attempt that checks for another node', async () => {
    const { dialer, dials } = world()
    void dialer.dial('a', addresses)
    void dialer.dial('a', addresses, { expect: parseNodeId('a') })
    expect(dials.map(({ options }) => options.expect)).toEqual([undefined, 'a'])
  })

  it('tries the addresses in order, and only as many as it may', async () => {
    const { dialer, dials } = world({ addressesMax: 2 })
    const third = { host: '10.0.0.3', port: 3 }
    const outcome = codeOf(dialer.dial('a', [...addresses, third]))
    dials[0]?.fail()
    await settle()
    dials[1]?.fail('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(await outcome).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
    expect(dials.map(({ remote }) => remote)).toEqual(addresses)
  })

  it('fails fast for a while after a failure, longer after each, and says why', async () => {
    const { dialer, dials, scheduler } = world({ backoffBaseMs: 100, backoffMaxMs: 1_000 })
    const waits: number[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      const outcome = codeOf(dialer.dial('a', addresses.slice(0, 1)))
      dials.at(-1)?.fail()
      await outcome
      const refusal = await dialer.dial('a', addresses).catch((error: NodosumError) => error)
      if (refusal instanceof NodosumError) {
        expect(refusal.code).toBe('ERR_NODOSUM_NOT_CONNECTED')
        expect(refusal.details).toMatchObject({ lastError: 'ERR_NODOSUM_CONNECT_TIMEOUT' })
        waits.push(refusal.details.retryInMs as number)
        scheduler.runFor(refusal.details.retryInMs as number)
      }
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000)
    expect(waits[0]).toBeLessThanOrEqual(100)
    expect(Math.max(...waits.slice(-6))).toBeGreaterThan(200)
    expect(dials).toHaveLength(12)
  })

  it('forgets failures after a success, or when told', async () => {
    const { dialer, dials, scheduler } = world()
    const failed = codeOf(dialer.dial('a', addresses.slice(0, 1)))
    dials[0]?.fail()
    await failed
    dialer.forget('a')
    const second = dialer.dial('a', addresses)
    dials[1]?.succeed()
    await second
    void codeOf(dialer.dial('a', addresses))
    expect(dials).toHaveLength(3)
    expect(scheduler.pendingTimers).toBe(0)
  })

  it('dials a bounded number at once, then queues, then refuses', async () => {
    const { dialer, dials } = world({ attemptsMax: 2, queueMax: 1 })
    const outcomes = ['a', 'b', 'c', 'd'].map((peer) => codeOf(dialer.dial(peer, addresses)))
    expect(dials).toHaveLength(2)
    expect(await outcomes[3]).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
    dials[0]?.succeed()
    await settle()
    expect(dials).toHaveLength(3)
    dials[1]?.succeed()
    dials[2]?.succeed()
    expect(await Promise.all(outcomes.slice(0, 3))).toEqual(['resolved', 'resolved', 'resolved'])
    expect(dialer.pending).toBe(0)
  })

  it('passes over queued dials that nobody waits for any more', async () => {
    const { dialer, dials } = world({ attemptsMax: 1 })
    const controller = new AbortController()
    void codeOf(dialer.dial('a', addresses))
    const gone = codeOf(dialer.dial('b', addresses, { signal: controller.signal }))
    void codeOf(dialer.dial('c', [{ host: '10.0.0.9', port: 9 }]))
    controller.abort()
    expect(await gone).toBe('ERR_NODOSUM_CANCELLED')
    dials[0]?.succeed()
    await settle()
    expect(dials.map(({ remote }) => remote.host)).toEqual(['10.0.0.1', '10.0.0.9'])
  })

  it('gives the place of a cancelled dial in the queue to the next who asks', async () => {
    const { dialer, dials } = world({ attemptsMax: 1, queueMax: 2 })
    const controller = new AbortController()
    void codeOf(dialer.dial('a', addresses))
    const gone = codeOf(dialer.dial('b', addresses, { signal: controller.signal }))
    void codeOf(dialer.dial('c', [{ host: '10.0.0.3', port: 3 }]))
    controller.abort()
    expect(await gone).toBe('ERR_NODOSUM_CANCELLED')
    void codeOf(dialer.dial('d', [{ host: '10.0.0.4', port: 4 }]))
    expect(await codeOf(dialer.dial('e', addresses))).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
    for (let index = 0; index < 3; index += 1) {
      dials[index]?.succeed()
      await settle()
    }
    // Those who waited keep their order.
    expect(dials.map(({ remote }) => remote.host)).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.4'])
  })

  it('takes only the caller out who aborts, and gives up after the last one', async () => {
    const { dialer, dials } = world()
    const [one, two] = [new AbortController(), new AbortController()]
    const first = codeOf(dialer.dial('a', addresses, { signal: one.signal }))
    const second = codeOf(dialer.dial('a', addresses, { signal: two.signal }))
    one.abort()
    expect(await first).toBe('ERR_NODOSUM_CANCELLED')
    expect(dials[0]?.options.signal?.aborted).toBe(false)
    two.abort()
    expect(await second).toBe('ERR_NODOSUM_CANCELLED')
    expect(dials[0]?.options.signal?.aborted).toBe(true)
    expect(dialer.pending).toBe(0)
    const late = dialer.dial('a', addresses, { signal: AbortSignal.abort() })
    expect(await codeOf(late)).toBe('ERR_NODOSUM_CANCELLED')
  })

  it('closes a connection that came up after everybody left', async () => {
    const scheduler = simulatedScheduler()
    const connected = Promise.withResolvers<Connection>()
    let closes = 0
    const dialer = new Dialer({
      // A transport that hears of the abort too late.
      transport: { connect: () => connected.promise },
      scheduler,
      random: seededRandom('late'),
      logger: silentLogger,
    })
    const controller = new AbortController()
    const outcome = codeOf(dialer.dial('a', addresses, { signal: controller.signal }))
    controller.abort()
    expect(await outcome).toBe('ERR_NODOSUM_CANCELLED')
    connected.resolve({
      close: async () => {
        closes += 1
      },
    } as unknown as Connection)
    await settle()
    expect(closes).toBe(1)
  })

  it('gives an error without a code one', async () => {
    const dialer = new Dialer({
      transport: { connect: () => Promise.reject(new TypeError('a bug')) },
      scheduler: simulatedScheduler(),
      random: seededRandom('bug'),
      logger: silentLogger,
    })
    const error = await dialer.dial('a', addresses).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_CONNECTION_LOST',
      cause: expect.any(TypeError),
    })
  })

  it('refuses a peer without an address, and everything after close', async () => {
    const { dialer, dials } = world({ attemptsMax: 1 })
    expect(await codeOf(dialer.dial('a', []))).toBe('ERR_NODOSUM_NOT_CONNECTED')
    const running = codeOf(dialer.dial('a', addresses))
    const queued = codeOf(dialer.dial('b', addresses))
    dialer.close()
    dialer.close()
    expect([await running, await queued]).toEqual([
      'ERR_NODOSUM_SHUT_DOWN',
      'ERR_NODOSUM_SHUT_DOWN',
    ])
    expect(dials[0]?.options.signal?.aborted).toBe(true)
    expect(await codeOf(dialer.dial('c', addresses))).toBe('ERR_NODOSUM_SHUT_DOWN')
    await settle()
    expect(dials).toHaveLength(1)
  })

  it('remembers a bounded number of failures, the latest', async () => {
    const { dialer, dials } = world({ failuresMax: 2, backoffBaseMs: 60_000, backoffMaxMs: 60_000 })
    for (const peer of ['a', 'b', 'c']) {
      const outcome = codeOf(dialer.dial(peer, addresses.slice(0, 1)))
      dials.at(-1)?.fail()
      await outcome
    }
    const before = dials.length
    void codeOf(dialer.dial('a', addresses))
    expect(dials).toHaveLength(before + 1)
    expect(await codeOf(dialer.dial('c', addresses))).toBe('ERR_NODOSUM_NOT_CONNECTED')
  })

  it('checks its options', () => {
    expect(() => world({ attemptsMax: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_CONFIG_INVALID' }),
    )
  })
})
