import { describe, expect, it } from 'vitest'
import { failure, pass, settle, TestCluster, type TestNode } from '../cluster.ts'

function nodes() {
  const cluster = new TestCluster()
  const all = ['a', 'b', 'c'].map((id) => cluster.node(id))
  const [a, b, c] = all as [TestNode, TestNode, TestNode]
  return { cluster, a, b, c }
}

describe('requests faster than an application takes them', () => {
  it('are refused with the time after which they may come again', async () => {
    const { cluster, a, b } = nodes()
    b.orders.configure({ ratePerSecond: 10 }).onRequest(() => 'reply')
    for (let each = 0; each < 10; each++) expect(await a.orders.request('b', 1)).toBe('reply')
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
      class: 'overload',
      retryable: true,
      message: expect.stringContaining('ratePerSecond'),
      details: { node: 'b', retryAfterMs: 100 },
    })
    cluster.scheduler.runFor(100)
    expect(await a.orders.request('b', 1)).toBe('reply')
    // A quota says nothing of the node's health.
    expect(a.counts.breakers).toEqual([])
    b.orders.configure({ ratePerSecond: 0 })
    for (let each = 0; each < 50; each++) await a.orders.request('b', 1)
  })

  it('of one node are refused, and not those of another', async () => {
    const { a, b, c } = nodes()
    b.orders.configure({ peerRatePerSecond: 5 }).onRequest(() => 'reply')
    for (let each = 0; each < 5; each++) await a.orders.request('b', 1)
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
      message: expect.stringContaining('peerRatePerSecond'),
    })
    expect(await c.orders.request('b', 1)).toBe('reply')
  })

  it('are counted in bytes, too', async () => {
    const { cluster, a, b } = nodes()
    b.orders.configure({ bytesPerSecond: 1_000 }).onRequest(() => 'reply')
    // What is larger than a second's worth passes, and has to be paid for.
    expect(await a.orders.request('b', new Uint8Array(3_000))).toBe('reply')
    const error = await failure(a.orders.request('b', new Uint8Array(1)))
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_RATE_LIMITED' })
    const { details } = error as { details: { retryAfterMs: number } }
    expect(details.retryAfterMs).toBeGreaterThan(1_900)
    cluster.scheduler.runFor(details.retryAfterMs)
    expect(await a.orders.request('b', new Uint8Array(1))).toBe('reply')
  })

  it('are refused while as many of their node run as may, and taken when one ends', async () => {
    const { a, b, c } = nodes()
    const { promise, resolve } = Promise.withResolvers<void>()
    b.orders.configure({ peerRequestsMax: 2 }).onRequest(() => promise)
    const running = [1, 2].map(() => a.orders.request('b', 1))
    await settle()
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
      message: expect.stringContaining('peerRequestsMax'),
    })
    const other = c.orders.request('b', 1)
    await settle()
    resolve()
    await Promise.all([...running, other])
    await a.orders.request('b', 1)
  })

  it('go to another node that takes them', async () => {
    const { cluster, a, b, c } = nodes()
    b.orders.configure({ ratePerSecond: 1 })
    for (const node of [b, c]) node.orders.onRequest(() => node.id)
    const all = Array.from({ length: 20 }, () => a.orders.request({ kind: 'any', key: null }, 1))
    await pass(cluster, 500)
    const replies = await Promise.all(all)
    expect(replies.filter((id) => id === 'b').length).toBeLessThanOrEqual(2)
  })
})

describe('messages faster than an application takes them', () => {
  it('wait, in their order, and none is lost', async () => {
    const { cluster, a, b } = nodes()
    const seen: unknown[] = []
    b.orders.configure({ ratePerSecond: 10 }).onMessage((payload) => void seen.push(payload))
    for (let each = 0; each < 40; each++) await a.orders.send('b', each)
    await pass(cluster, 100)
    // A second's worth at once, and one for each tenth of a second.
    expect(seen.length).toBeGreaterThanOrEqual(10)
    expect(seen.length).toBeLessThanOrEqual(12)
    await pass(cluster, 1_000)
    expect(seen.length).toBeGreaterThanOrEqual(19)
    expect(seen.length).toBeLessThanOrEqual(22)
    await pass(cluster, 3_000)
    expect(seen).toEqual(Array.from({ length: 40 }, (_, each) => each))
    expect(a.counts).toMatchObject({ accepted: 40, delivered: 40, rejected: 0 })
  })

  it('share the rate of all their lanes', async () => {
    const { cluster, a, b, c } = nodes()
    let seen = 0
    b.orders.configure({ ratePerSecond: 10 }).onMessage(() => {
      seen += 1
    })
    for (let each = 0; each < 40; each++) {
      await a.orders.lane(`lane-${each % 4}`).send('b', each)
      await c.orders.send('b', each)
    }
    await pass(cluster, 2_000)
    // 10 at once and 10 in each second, and at most one over for each of the five lanes.
    expect(seen).toBeGreaterThanOrEqual(28)
    expect(seen).toBeLessThanOrEqual(36)
  })

  it('wait for as long as a large one has to be paid for, unless the quota changes', async () => {
    const { cluster, a, b } = nodes()
    const seen: unknown[] = []
    b.orders.configure({ bytesPerSecond: 1_000 }).onMessage((payload) => {
      seen.push(payload)
    })
    for (const size of [6_000, 1, 6_000, 2, 3]) await a.orders.send('b', new Uint8Array(size))
    await pass(cluster, 4_500)
    expect(seen).toHaveLength(1)
    await pass(cluster, 1_000)
    expect(seen).toHaveLength(3)
    b.orders.configure({ bytesPerSecond: 0 })
    await pass(cluster, 1_000)
    expect(seen).toHaveLength(5)
  })

  it('hold up no timer when their session ends', async () => {
    const { cluster, a, b } = nodes()
    b.orders.configure({ ratePerSecond: 1 }).onMessage(() => undefined)
    for (let each = 0; each < 5; each++) await a.orders.send('b', each)
    await settle()
    expect(cluster.scheduler.pendingTimers).toBe(1)
    cluster.cut(a, b)
    await settle()
    expect(cluster.scheduler.pendingTimers).toBe(0)
  })
})

describe('configure', () => {
  it.each([
    [{ ratePerSecnd: 5 }, 'ratePerSecnd'],
    [{ ratePerSecond: -1 }, 'ratePerSecond'],
    [{ retryShare: 2 }, 'retryShare'],
    [{ applicationsMax: 5 }, 'applicationsMax'],
    [null, 'takes an object'],
  ])('refuses %j and changes nothing', async (options, words) => {
    const { a, b } = nodes()
    b.orders.onRequest(() => 'reply')
    expect(() => b.orders.configure(options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_NODOSUM_CONFIG_INVALID',
        message: expect.stringContaining(words),
      }),
    )
    expect(await a.orders.request('b', 1)).toBe('reply')
  })
})
