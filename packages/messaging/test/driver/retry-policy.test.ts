import { describe, expect, it } from 'vitest'
import type { MessageContext } from '../../src/index.ts'
import { failure, pass, settle, TestCluster, type TestNode } from '../cluster.ts'

const anyNode = { kind: 'any', key: null } as const

function nodes(ids: readonly string[], options: object = {}) {
  const cluster = new TestCluster()
  const all = ids.map((id) => cluster.node(id, options))
  return { cluster, nodes: all as [TestNode, TestNode, TestNode] }
}

describe('a request that is sent again', () => {
  it('says which attempt it is, and whether an earlier one may have been handled', async () => {
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'])
    const seen: Pick<MessageContext, 'attempt' | 'redelivered'>[] = []
    b.orders.onRequest((_payload, { attempt, redelivered }) => {
      seen.push({ attempt, redelivered })
      return attempt < 3 ? new Promise(() => undefined) : 'done'
    })
    const reply = a.orders.request('b', 1, { idempotent: true, timeoutMs: 900 })
    await pass(cluster, 900)
    expect(await reply).toBe('done')
    expect(seen).toEqual([
      { attempt: 1, redelivered: false },
      { attempt: 2, redelivered: true },
      { attempt: 3, redelivered: true },
    ])
    expect(a.counts).toMatchObject({ retries: 2, retriesRefused: 0 })
  })

  it('and refused in the end is not called refused: an earlier attempt may have been handled', async () => {
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'])
    let handled = 0
    b.orders.onRequest(() => {
      handled += 1
      // From now on it refuses what comes.
      b.service.drain()
      return new Promise(() => undefined)
    })
    const reply = failure(a.orders.request('b', 1, { idempotent: true, timeoutMs: 900 }))
    await pass(cluster, 1_000)
    expect(handled).toBe(1)
    expect(await reply).toMatchObject({
      code: 'ERR_NODOSUM_DELIVERY_UNKNOWN',
      cause: { code: 'ERR_NODOSUM_PEER_DRAINING' },
    })
  })

  it('after a clear refusal was not handled before', async () => {
    const {
      cluster,
      nodes: [a, b, c],
    } = nodes(['a', 'b', 'c'])
    const seen: Pick<MessageContext, 'attempt' | 'redelivered'>[] = []
    b.orders.onRequest(() => 'b')
    c.orders.onRequest((_payload, { attempt, redelivered }) => {
      seen.push({ attempt, redelivered })
    })
    b.service.drain()
    const replies = Array.from({ length: 20 }, () => a.orders.request(anyNode, 1))
    await pass(cluster, 1_000)
    await Promise.all(replies)
    expect(seen).toContainEqual({ attempt: 1, redelivered: false })
    expect(seen).toContainEqual({ attempt: 2, redelivered: false })
    expect(seen.some(({ redelivered }) => redelivered)).toBe(false)
  })

  it('is sent at most attemptsMax times, by option and by call', async () => {
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'], { attemptsMax: 3 })
    b.orders.onRequest(() => 'never')
    await a.orders.request('b', 0)
    b.service.drain()
    const error = failure(a.orders.request('b', 1))
    await pass(cluster, 3_000)
    expect(await error).toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING' })
    expect(b.counts.received).toBe(4)
    const once = failure(a.orders.request('b', 1, { attemptsMax: 1 }))
    await pass(cluster, 100)
    expect(await once).toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING' })
    expect(b.counts.received).toBe(5)
  })

  it('looks for a node as long as there is time: that is no attempt', async () => {
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'], { attemptsMax: 1 })
    const reply = a.orders.request(anyNode, 1, { timeoutMs: 5_000 })
    await pass(cluster, 2_000)
    b.orders.onRequest(() => 'there')
    await pass(cluster, 1_000)
    expect(await reply).toBe('there')
    expect(a.counts.retries).toBe(0)
  })

  it('ends with its own error when the retry budget is used up, which is counted', async () => {
    const options = { retryShare: 0.1, retriesPerSecondMin: 0, breakerRequestsMin: 100 }
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'], options)
    b.orders.onRequest(() => 'never')
    await a.orders.request('b', 0)
    b.service.drain()
    const errors = Array.from({ length: 199 }, () => failure(a.orders.request('b', 1)))
    await pass(cluster, 5_000)
    for (const error of await Promise.all(errors)) {
      expect(error).toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING' })
    }
    // A tenth of 200.
    expect(b.counts.received).toBe(200 + 20)
    expect(a.counts).toMatchObject({ retries: 20 })
    expect(a.counts.retriesRefused).toBeGreaterThan(100)
  })

  it('after its handler threw only when it is idempotent and the error says so', async () => {
    const {
      cluster,
      nodes: [a, b],
    } = nodes(['a', 'b'])
    let runs = 0
    b.orders.onRequest((declared) => {
      runs += 1
      if (runs % 2 === 1) throw Object.assign(new Error('busy'), { retryable: declared })
      return 'second time'
    })
    const declared = a.orders.request('b', true, { idempotent: true })
    await pass(cluster, 200)
    expect(await declared).toBe('second time')
    expect(runs).toBe(2)
    const undeclared = failure(a.orders.request('b', false, { idempotent: true }))
    await pass(cluster, 200)
    expect(await undeclared).toMatchObject({ code: 'ERR_NODOSUM_REMOTE_ERROR' })
    runs = 0
    const once = failure(a.orders.request('b', true))
    await pass(cluster, 200)
    expect(await once).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteRetryable: true },
    })
    expect(runs).toBe(1)
  })

  it('goes to another node after OVERLOAD, and never to the same', async () => {
    const {
      cluster,
      nodes: [a, b, c],
    } = nodes(['a', 'b', 'c'])
    b.orders.configure({ handlerConcurrencyMax: 1, requestQueueMax: 0 })
    b.orders.onRequest(() => new Promise(() => undefined))
    const taken = failure(a.orders.request('b', 0, { timeoutMs: 60_000 }))
    await settle()
    // Only one node, and it has too much to do: its caller hears of it at once.
    expect(await failure(a.orders.request(anyNode, 1))).toMatchObject({
      code: 'ERR_NODOSUM_OVERLOAD',
    })
    c.orders.onRequest(() => 'c')
    const replies = Array.from({ length: 10 }, () => a.orders.request(anyNode, 1))
    await pass(cluster, 1_000)
    expect(new Set(await Promise.all(replies))).toEqual(new Set(['c']))
    expect(b.counts.received).toBeLessThan(2 + 11)
    cluster.scheduler.runFor(60_000)
    await taken
  })
})
