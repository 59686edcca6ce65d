import { describe, expect, it } from 'vitest'
import { failure, settle, TestCluster, type TestNode } from '../cluster.ts'

const anyNode = { kind: 'any', key: null } as const
const settings = { breakerRequestsMin: 10, breakerPauseMs: 1_000, requestTimeoutMs: 100 }

function nodes(options: object = {}) {
  const cluster = new TestCluster()
  const all = ['a', 'b', 'c'].map((id) => cluster.node(id, { ...settings, ...options }))
  const [a, b, c] = all as [TestNode, TestNode, TestNode]
  return { cluster, a, b, c }
}

/** Requests that get no answer, until the breaker has enough of them. */
async function unanswered(cluster: TestCluster, a: TestNode, count: number): Promise<void> {
  const errors = Array.from({ length: count }, () => failure(a.orders.request('b', 'hang')))
  await settle()
  cluster.scheduler.runFor(100)
  await Promise.all(errors)
}

describe('the breaker of a node', () => {
  it('opens with timeouts, says how long, tries once and closes with an answer', async () => {
    const { cluster, a, b } = nodes()
    let hangs = true
    b.orders.onRequest(() => (hangs ? new Promise(() => undefined) : 'answer'))
    await unanswered(cluster, a, 9)
    expect(a.counts.breakers).toEqual([])
    await unanswered(cluster, a, 1)
    const received = b.counts.received
    const error = (await failure(a.orders.request('b', 1))) as { details: Record<string, number> }
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_CIRCUIT_OPEN',
      retryable: true,
      details: { node: 'b', lastError: 'ERR_NODOSUM_REQUEST_TIMEOUT' },
    })
    const { retryAfterMs } = error.details as { retryAfterMs: number }
    expect(retryAfterMs).toBeGreaterThanOrEqual(500)
    expect(retryAfterMs).toBeLessThanOrEqual(1_000)
    expect(b.counts.received).toBe(received)
    expect(a.counts.breakers).toMatchObject([{ peer: 'b', state: 'open', opened: 1, retryAfterMs }])
    cluster.scheduler.runFor(retryAfterMs)
    expect(a.counts.breakers).toMatchObject([{ state: 'half-open', retryAfterMs: 0 }])
    // One finds out; the others are refused meanwhile, and it fails.
    const probe = failure(a.orders.request('b', 1))
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_CIRCUIT_OPEN',
    })
    await settle()
    cluster.scheduler.runFor(100)
    expect(await probe).toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT' })
    expect(a.counts.breakers).toMatchObject([{ state: 'open', opened: 2 }])
    hangs = false
    cluster.scheduler.runFor(1_000)
    expect(await a.orders.request('b', 1)).toBe('answer')
    expect(a.counts.breakers).toMatchObject([{ state: 'closed', opened: 2, lastError: null }])
    expect(await a.orders.request('b', 1)).toBe('answer')
  })

  it('opens with OVERLOAD and with unknown outcomes', async () => {
    const { cluster, a, b } = nodes()
    b.orders.onRequest(() => new Promise(() => undefined))
    const unknown = Array.from({ length: 10 }, () => failure(a.orders.request('b', 0)))
    await settle()
    cluster.cut(a, b)
    await Promise.all(unknown)
    expect(a.counts.breakers).toMatchObject([
      { state: 'open', lastError: 'ERR_NODOSUM_DELIVERY_UNKNOWN' },
    ])
    const busy = b.service.application('busy')
    busy.configure({ handlerConcurrencyMax: 1, requestQueueMax: 0 })
    busy.onRequest(() => new Promise(() => undefined))
    const asking = a.service.application('busy')
    void failure(asking.request('b', 0))
    await settle()
    for (let each = 0; each < 9; each++) {
      expect(await failure(asking.request('b', 1))).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
    }
    expect(a.service.snapshot().busy?.breakers).toMatchObject([
      { state: 'open', lastError: 'ERR_NODOSUM_OVERLOAD' },
    ])
  })

  it('never opens because of what handlers throw or nodes refuse, nor of what is cancelled', async () => {
    const { a, b } = nodes()
    b.orders.onRequest(() => {
      throw new Error('sold out')
    })
    for (let each = 0; each < 50; each++) await failure(a.orders.request('b', each))
    b.service.application('none').onMessage(() => undefined)
    const none = a.service.application('none')
    for (let each = 0; each < 50; each++) await failure(none.request('b', each))
    const controller = new AbortController()
    const hanging = a.service.application('hanging')
    b.service.application('hanging').onRequest(() => new Promise(() => undefined))
    const { signal } = controller
    const aborted = Array.from({ length: 50 }, () => failure(hanging.request('b', 1, { signal })))
    await settle()
    controller.abort()
    await Promise.all(aborted)
    for (const { breakers } of Object.values(a.service.snapshot())) expect(breakers).toEqual([])
  })

  it('stays half open when the request that tries it is given up', async () => {
    const { cluster, a, b } = nodes()
    b.orders.onRequest((payload) => (payload === 'hang' ? new Promise(() => undefined) : 'answer'))
    await unanswered(cluster, a, 10)
    cluster.scheduler.runFor(1_000)
    const controller = new AbortController()
    const probe = failure(a.orders.request('b', 'hang', { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await probe).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    expect(a.counts.breakers).toMatchObject([{ state: 'half-open' }])
    expect(await a.orders.request('b', 1)).toBe('answer')
  })

  it('of one application says nothing of another', async () => {
    const { cluster, a, b } = nodes()
    b.orders.onRequest(() => new Promise(() => undefined))
    const stock = a.service.application('stock')
    b.service.application('stock').onRequest(() => 'answer')
    await unanswered(cluster, a, 10)
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_CIRCUIT_OPEN',
    })
    expect(await stock.request('b', 1)).toBe('answer')
  })

  it('is why anyNode asks others, and nearest the next', async () => {
    const { cluster, a, b, c } = nodes()
    b.orders.onRequest(() => new Promise(() => undefined))
    c.orders.onRequest(() => 'c')
    cluster.rttsMs.set('b', 1)
    cluster.rttsMs.set('c', 5)
    await unanswered(cluster, a, 10)
    for (let each = 0; each < 20; each++) expect(await a.orders.request(anyNode, 1)).toBe('c')
    expect(await a.orders.request({ kind: 'nearest', key: null }, 1)).toBe('c')
    const sent: unknown[] = []
    c.orders.onMessage((payload) => void sent.push(payload))
    for (let each = 0; each < 20; each++) await a.orders.send(anyNode, each)
    await settle()
    expect(sent).toHaveLength(20)
    // Nobody else is left: the caller hears why.
    c.state = 'failed'
    expect(await failure(a.orders.request(anyNode, 1))).toMatchObject({
      code: 'ERR_NODOSUM_CIRCUIT_OPEN',
    })
  })

  it('forgets what was counted when it is configured anew', async () => {
    const { cluster, a, b } = nodes()
    b.orders.onRequest(() => new Promise(() => undefined))
    await unanswered(cluster, a, 10)
    a.orders.configure({ breakerRequestsMin: 50 })
    await unanswered(cluster, a, 49)
    expect(a.counts.breakers).toEqual([])
    await unanswered(cluster, a, 1)
    expect(a.counts.breakers).toMatchObject([{ state: 'open' }])
  })
})

describe('the error budget of an application', () => {
  it('burns with requests that got no answer, and with nothing else', async () => {
    const { cluster, a, b } = nodes({ breakerRequestsMin: 100 })
    b.orders.onRequest((payload) => {
      if (payload === 'throw') throw new Error('sold out')
      return payload === 'hang' ? new Promise(() => undefined) : payload
    })
    await a.orders.request('b', 1)
    await failure(a.orders.request('b', 'throw'))
    await failure(a.orders.request('b', 1, { signal: AbortSignal.abort() }))
    await failure(a.orders.request('b', () => 'no payload'))
    await failure(a.orders.request('b', 1, { timeoutMs: -1 }))
    expect(a.counts.errorBudget).toMatchObject({ requests: 2, failures: 0 })
    await unanswered(cluster, a, 3)
    expect(a.counts.errorBudget).toMatchObject({ requests: 5, failures: 3 })
  })
})
