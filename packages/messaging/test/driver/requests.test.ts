import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { failure, gate, settle, TestCluster, until } from '../cluster.ts'

function twoNodes(options: object = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  return { cluster, a, b }
}

describe('request', () => {
  it('resolves to the reply, whether the handler is synchronous or not', async () => {
    const { a, b } = twoNodes()
    b.orders.onRequest((payload) =>
      payload === 'now' ? 'sync' : Promise.resolve({ later: payload }),
    )
    expect(await a.orders.request('b', 'now')).toBe('sync')
    expect(await a.orders.request('b', 'soon')).toEqual({ later: 'soon' })
    const bytes = await a.orders.request('b', Uint8Array.of(1))
    expect(bytes).toMatchObject({ later: expect.anything() })
    expect(a.counts).toMatchObject({ accepted: 3, delivered: 3, inFlight: 0 })
  })

  it('tells the handler the deadline, the key and the sender', async () => {
    const { a, b } = twoNodes()
    b.orders.onRequest((_payload, { deadlineMs, key, from, lane }) => ({
      deadlineMs,
      key,
      from,
      lane,
    }))
    const reply = await a.orders.request({ kind: 'owner', key: 'tea' }, 1, { timeoutMs: 700 })
    expect(reply).toEqual({ deadlineMs: 700, key: 'tea', from: 'a', lane: 'requests' })
  })

  it('to one of several nodes takes one that is there', async () => {
    const { a, b } = twoNodes()
    b.orders.onRequest(() => 'b')
    expect(await a.orders.request(['nobody', 'b'], 1)).toBe('b')
    b.state = 'failed'
    const error = await failure(a.orders.request(['b'], 1))
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_PEER_UNKNOWN' })
  })

  it('rejects with what the handler threw', async () => {
    const { a, b } = twoNodes()
    b.orders.onRequest(() => {
      throw Object.assign(new TypeError('sold out'), { code: 'OUT_OF_STOCK' })
    })
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: {
        node: 'b',
        remoteName: 'TypeError',
        remoteMessage: 'sold out',
        remoteCode: 'OUT_OF_STOCK',
      },
    })
    // A remote error is an answer.
    expect(a.counts).toMatchObject({ delivered: 1, rejected: 0 })
  })

  it('rejects whatever the handler threw', async () => {
    const { a, b } = twoNodes()
    const broken = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('not even this')
      },
    })
    const thrown = [null, undefined, 'text', 7, Object.create(null), broken, { code: 1 }]
    b.orders.onRequest((index) => {
      throw thrown[index as number]
    })
    for (const index of thrown.keys()) {
      const error = await failure(a.orders.request('b', index))
      expect(error).toMatchObject({ code: 'ERR_NODOSUM_REMOTE_ERROR' })
    }
    expect(a.counts).toMatchObject({ delivered: thrown.length, inFlight: 0 })
  })

  it('rejects when there is no handler, or the reply cannot be sent', async () => {
    const { a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_NO_HANDLER',
    })
    b.orders.onRequest((payload) => (payload === 1 ? () => 'no data' : new Uint8Array(1_048_576)))
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'ERR_NODOSUM_PAYLOAD_INVALID' },
    })
    expect(await failure(a.orders.request('b', 2))).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' },
    })
    const large = failure(a.orders.request('b', new Uint8Array(1_048_577)))
    expect(await large).toMatchObject({ code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' })
    // The handler ran twice: that is delivered, whatever became of the reply.
    expect(a.counts).toMatchObject({ accepted: 3, delivered: 2, rejected: 1, refused: 1 })
  })

  it('rejects after its time, and tells the handler that nobody waits', async () => {
    const { cluster, a, b } = twoNodes()
    const signals: AbortSignal[] = []
    b.orders.onRequest((_payload, { signal }) => {
      signals.push(signal)
      return new Promise(() => undefined)
    })
    const error = failure(a.orders.request('b', 1, { timeoutMs: 300 }))
    await until(() => signals.length === 1)
    cluster.scheduler.runFor(299)
    expect(signals[0]?.aborted).toBe(false)
    cluster.scheduler.runFor(1)
    expect(await error).toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT', class: 'ambiguous' })
    await until(() => signals[0]?.aborted === true)
    expect(a.counts).toMatchObject({ accepted: 1, unknown: 1, inFlight: 0 })
  })

  it('rejects when its caller aborts, also remotely', async () => {
    const { a, b } = twoNodes()
    const controller = new AbortController()
    let aborted = false
    b.orders.onRequest(async (_payload, { signal }) => {
      const { opened, open } = gate()
      signal.addEventListener('abort', open)
      await opened
      aborted = true
    })
    const error = failure(a.orders.request('b', 1, { signal: controller.signal }))
    await until(() => b.counts.received === 1)
    controller.abort()
    expect(await error).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    await until(() => aborted)
    const late = failure(a.orders.request('b', 1, { signal: controller.signal }))
    expect(await late).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    expect(b.counts.received).toBe(1)
  })

  it('takes no reply that comes too late, and goes on', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    b.orders.onRequest(async (payload) => {
      if (payload === 'slow') await opened
      return payload
    })
    const error = failure(a.orders.request('b', 'slow', { timeoutMs: 100 }))
    await until(() => b.counts.received === 1)
    cluster.scheduler.runFor(100)
    expect(await error).toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT' })
    open()
    expect(await a.orders.request('b', 'next')).toBe('next')
    expect(a.counts).toMatchObject({ delivered: 1, unknown: 1 })
  })
})

describe('a node with more requests than it may have', () => {
  it('answers OVERLOAD, serves those that wait, and does not run what was given up', async () => {
    const { cluster, a, b } = twoNodes({ handlerConcurrencyMax: 2, requestQueueMax: 3 })
    const { opened, open } = gate()
    const ran: unknown[] = []
    b.orders.onRequest(async (payload) => {
      ran.push(payload)
      await opened
      return payload
    })
    const controller = new AbortController()
    await cluster.ensure(a, 'b')
    const given = [0, 1, 2, 3].map((number) => a.orders.request('b', number))
    const cancelled = failure(a.orders.request('b', 4, { signal: controller.signal }))
    await until(() => b.counts.received === 5)
    expect(await failure(a.orders.request('b', 5))).toMatchObject({
      code: 'ERR_NODOSUM_OVERLOAD',
      class: 'overload',
    })
    expect(ran).toEqual([0, 1])
    controller.abort()
    await cancelled
    await settle()
    open()
    expect(await Promise.all(given)).toEqual([0, 1, 2, 3])
    await settle()
    expect(ran).toEqual([0, 1, 2, 3])
    expect(b.service.busy).toBe(0)
    expect(cluster.scheduler.pendingTimers).toBe(0)
  })

  it('start no handler when their caller gave up before they arrived', async () => {
    const { cluster, a, b } = twoNodes()
    const ran: unknown[] = []
    b.orders.onRequest((payload) => void ran.push(payload))
    await a.orders.request('b', 'first')
    const [lane] = cluster.end(b, a).incoming
    lane?.pause()
    const controller = new AbortController()
    const { signal } = controller
    const cancelled = failure(a.orders.request('b', 'cancelled', { signal }))
    const last = a.orders.request('b', 'last')
    await settle()
    controller.abort()
    expect(await cancelled).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    await settle()
    lane?.resume()
    await last
    expect(ran).toEqual(['first', 'last'])
    expect(b.service.busy).toBe(0)
  })

  it('counts the requests of all callers together', async () => {
    const { cluster, a, b } = twoNodes({ handlerConcurrencyMax: 2, requestQueueMax: 1 })
    const c = cluster.node('c')
    const { opened, open } = gate()
    b.orders.onRequest((payload) => opened.then(() => payload))
    const first = [1, 2].map((number) => a.orders.request('b', number))
    await until(() => b.counts.received === 2)
    const third = c.orders.request('b', 3)
    await until(() => b.counts.received === 3)
    expect(await failure(c.orders.request('b', 4))).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
    open()
    expect(await Promise.all([...first, third])).toEqual([1, 2, 3])
  })

  it('runs a long queue of requests that end at once without a deep stack', async () => {
    const { a, b } = twoNodes({ handlerConcurrencyMax: 1, requestQueueMax: 20_000 })
    const { opened, open } = gate()
    b.orders.onRequest((payload) => (payload === 0 ? opened.then(() => 0) : payload))
    const all = Array.from({ length: 15_000 }, (_, number) => a.orders.request('b', number))
    await until(() => b.counts.received === 15_000)
    open()
    expect((await Promise.all(all)).at(-1)).toBe(14_999)
  })

  it('answers OVERLOAD to a caller that does not take its replies', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => 1)
    await a.orders.request('b', 1)
    cluster.end(b, a).controlIsLate = true
    expect(await failure(a.orders.request('b', 1))).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
  })

  it('refuses one more at the caller when too many wait', async () => {
    const { a, b } = twoNodes({ pendingRequestsMax: 2 })
    b.orders.onRequest(() => new Promise(() => undefined))
    for (const number of [1, 2]) void failure(a.orders.request('b', number))
    await until(() => b.counts.received === 2)
    expect(await failure(a.orders.request('b', 3))).toMatchObject({
      code: 'ERR_NODOSUM_LIMIT_PENDING',
    })
    expect(a.counts).toMatchObject({ accepted: 2, refused: 1 })
  })
})

describe('a peer that does not follow the protocol', () => {
  it.each([
    ['an unknown frame on a lane of requests', 0x99],
    ['a request that ends early', 0x91],
  ])('loses its session: %s', async (_what, type) => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => 1)
    await a.orders.request('b', 1)
    const session = cluster.end(a, b)
    session.openLane('requests', 'orders', 'x', 'interactive').frame(type, 0, 0)
    await until(() => session.closed)
  })

  it.each([0x92, 0x93, 0x94, 0x95, 0x96])(
    'loses its session: control frame %i about nothing',
    async (type) => {
      const { cluster, a, b } = twoNodes()
      b.orders.onRequest(() => 1)
      await a.orders.request('b', 1)
      const session = cluster.end(b, a)
      const at = session.controlFrame(type, 2)
      session.control.buffer.set([99, 1], at)
      await until(() => session.closed)
      expect(session.endedWith).toBeInstanceOf(NodosumError)
    },
  )

  it('may cancel what is long over', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => 1)
    await a.orders.request('b', 1)
    const session = cluster.end(a, b)
    const at = session.controlFrame(0x17, 2)
    session.control.buffer.set([1, 77], at)
    await settle()
    expect(session.closed).toBe(false)
  })
})
