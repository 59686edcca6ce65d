import { describe, expect, it } from 'vitest'
import type { MessageContext, MessagingOptions } from '../../src/index.ts'
import { failure, gate, pass, TestCluster, type TestNode, until } from '../cluster.ts'
import { type ShopHandlers, shop, shopHandlers } from './shop.ts'

const settings = { breakerRequestsMin: 10, breakerPauseMs: 1_000, requestTimeoutMs: 100 }
const some = { from: 1, to: 3 }

interface Nodes {
  readonly cluster: TestCluster
  readonly a: TestNode
  readonly b: TestNode
  readonly c: TestNode
}

function nodes(
  handlers: Partial<ShopHandlers> = {},
  options: Partial<MessagingOptions> = {},
): Nodes {
  const cluster = new TestCluster()
  const [a, b, c] = ['a', 'b', 'c'].map((id) => cluster.node(id, { ...settings, ...options })) as [
    TestNode,
    TestNode,
    TestNode,
  ]
  b.service.implement(shop.implement(shopHandlers(handlers)))
  return { cluster, a, b, c }
}

const first = (node: TestNode, to: string | undefined = 'b'): Promise<unknown> =>
  node.service.calls.stream(shop.count, some, { to }).next()
/** A stream of which nothing comes. */
function nodesMute(node: TestNode): AsyncIterableIterator<unknown> {
  const stream = node.service.calls.stream(shop.count, some, { to: 'b' })
  void failure(stream.next())
  return stream
}

const shopOf = (node: TestNode) => node.service.application('shop')
const countsOf = (node: TestNode) => node.service.snapshot().shop

/** Says nothing until it is told to. */
function silent(): { readonly count: ShopHandlers['count']; readonly open: () => void } {
  let { opened, open } = gate()
  return {
    count: async function* () {
      await opened
      yield 1
    },
    open: () => {
      open()
      // From now on it is silent again.
      ;({ opened, open } = gate())
    },
  }
}

describe('a stream counts as one request, at its start:', () => {
  it('in the rates of its application', async () => {
    const { a, b } = nodes()
    shopOf(b).configure({ ratePerSecond: 2 })
    const items: unknown[] = []
    for await (const item of a.service.calls.stream(
      shop.count,
      { from: 1, to: 100 },
      { to: 'b' },
    )) {
      items.push(item)
    }
    // A hundred items are no hundred requests.
    expect(items).toHaveLength(100)
    await first(a)
    expect(await failure(first(a))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
      message: expect.stringContaining('ratePerSecond'),
      details: { node: 'b', retryAfterMs: 500 },
    })
  })

  it('in what one node may have running, until it has ended', async () => {
    const { a, b, c } = nodes()
    shopOf(b).configure({ peerRequestsMax: 1 })
    const stream = a.service.calls.stream(shop.count, { from: 1, to: 1_000_000 }, { to: 'b' })
    await stream.next()
    expect(await failure(first(a))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
      message: expect.stringContaining('peerRequestsMax'),
    })
    await first(c)
    await stream.return?.()
    await until(() => countsOf(b)?.streamsRunning === 0)
    await first(a)
  })

  it('gives its place back when another limit refuses it', async () => {
    const { a, b } = nodes({}, { streamsMax: 1 })
    shopOf(b).configure({ peerRequestsMax: 2 })
    const stream = a.service.calls.stream(shop.count, { from: 1, to: 1_000_000 }, { to: 'b' })
    await stream.next()
    for (let each = 0; each < 3; each++) {
      expect(await failure(first(a))).toMatchObject({ code: 'ERR_NODOSUM_LIMIT_STREAMS' })
    }
  })

  it('refused where memory is short', async () => {
    const hold = gate()
    const { a, b } = nodes({}, { memoryBytesMax: 65_536, requestTimeoutMs: 60_000 })
    b.orders.onRequest(() => hold.opened)
    const large = a.orders.request('b', new Uint8Array(70_000))
    await until(() => b.service.memory.sheds === 'interactive')
    expect(await failure(first(a))).toMatchObject({ code: 'ERR_NODOSUM_MEMORY_PRESSURE' })
    expect(
      await failure(b.service.calls.stream(shop.count, some, { to: 'b' }).next()),
    ).toMatchObject({ code: 'ERR_NODOSUM_MEMORY_PRESSURE' })
    hold.open()
    await large
    await until(() => b.service.memory.heldBytes === 0)
    await first(a)
  })

  it('is sent to another node when the first has too much to do, and says so', async () => {
    const contexts: MessageContext[] = []
    const { cluster, a, b, c } = nodes()
    cluster.rttsMs.set('b', 1)
    cluster.rttsMs.set('c', 5)
    shopOf(b).configure({ ratePerSecond: 1 })
    c.service.implement(
      shop.implement(
        shopHandlers({
          async *count(_input, context) {
            contexts.push(context)
            yield 7
          },
        }),
      ),
    )
    await first(a)
    const stream = a.service.calls.stream(shop.count, some, {
      to: { kind: 'nearest', key: null },
      headers: { trace: 't1' },
    })
    const step = stream.next()
    await pass(cluster, 50)
    expect(await step).toMatchObject({ value: { number: 7 } })
    expect(contexts).toMatchObject([{ attempt: 2, redelivered: false }])
    expect({ ...contexts[0]?.headers }).toEqual({ trace: 't1' })
    expect(countsOf(a)).toMatchObject({ retries: 1 })
  })

  it('refused before it was sent is counted as refused, whatever else is accepted meanwhile', async () => {
    const { a, b } = nodes()
    b.orders.onRequest(() => 'reply')
    const refused = failure(a.service.calls.stream(shop.count, some, { to: 'nobody' }).next())
    await a.orders.request('b', 1)
    expect(await refused).toMatchObject({ code: 'ERR_NODOSUM_PEER_UNKNOWN' })
    expect(countsOf(a)).toMatchObject({ refused: 1, accepted: 0 })
  })

  it('not tried again once something has come, nor when it may have been handled', async () => {
    let runs = 0
    const { cluster, a, b } = nodes({
      async *count() {
        runs += 1
        yield 1
        await new Promise(() => undefined)
      },
    })
    const stream = a.service.calls.stream(shop.count, some)
    await stream.next()
    const second = failure(stream.next())
    cluster.cut(a, b)
    expect(await second).toMatchObject({ code: 'ERR_NODOSUM_DELIVERY_UNKNOWN' })
    expect([runs, countsOf(a)?.retries]).toEqual([1, 0])
  })
})

describe('the breaker of a node that streams', () => {
  it('learns nothing from streams that have nothing to say for longer than a request', async () => {
    const handler = silent()
    const { cluster, a, b } = nodes({ count: handler.count })
    const waiting = Array.from({ length: 12 }, () => first(a))
    await pass(cluster, 300)
    expect(countsOf(a)?.breakers).toEqual([])
    handler.open()
    for (const step of waiting) expect(await step).toMatchObject({ value: { number: 1 } })
    // Not even when one of them finds out whether the node is well again.
    shopOf(b).onRequest(() => new Promise(() => undefined))
    const late = Array.from({ length: 20 }, () => failure(shopOf(a).request('b', 1)))
    await pass(cluster, 100)
    await Promise.all(late)
    cluster.scheduler.runFor(1_000)
    const mute = nodesMute(a)
    await pass(cluster, 200)
    expect(countsOf(a)?.breakers).toMatchObject([{ state: 'half-open', opened: 1 }])
    await mute.return?.()
  })
})

it('calls by contract take headers and a number of attempts', async () => {
  const contexts: MessageContext[] = []
  const { a } = nodes({
    reserve: ({ sku }, context) => {
      contexts.push(context)
      return { id: sku, at: 'noon' }
    },
    placed: (_order, context) => void contexts.push(context),
  })
  const options = { to: 'b', headers: { trace: 't1' } }
  await a.service.calls.request(shop.reserve, { sku: 'tea' }, { ...options, attemptsMax: 1 })
  await a.service.calls.send(
    shop.placed,
    { id: '1', lines: [] },
    { ...options, confirm: 'handled' },
  )
  expect(contexts.map(({ headers }) => ({ ...headers }))).toEqual([
    { trace: 't1' },
    { trace: 't1' },
  ])
  expect(contexts[0]?.identity).toBe('spiffe://test/nodosum/test/a')
  const wrong = a.service.calls.request(shop.reserve, { sku: 'tea' }, { attemptsMax: 0 })
  expect(await failure(wrong)).toMatchObject({ code: 'ERR_NODOSUM_CONFIG_INVALID' })
  const overB = { to: { kind: 'owner', key: 'tea' } } as const
  await a.service.calls.request(shop.reserve, { sku: 'tea' }, overB)
  expect(contexts[2]?.key).toBe('tea')
})

describe('other options of a node', () => {
  it('hold for the next call of each application, but for what it has configured itself', async () => {
    const { cluster, a, b } = nodes({ reserve: () => new Promise(() => undefined) })
    b.orders.onRequest(() => new Promise(() => undefined))
    a.orders.configure({ requestTimeoutMs: 300 })
    a.service.reconfigure({ requestTimeoutMs: 20 })
    const contract = failure(a.service.calls.request(shop.reserve, { sku: 'tea' }))
    const own = failure(a.orders.request('b', 1))
    let isOver = false
    void own.then(() => {
      isOver = true
    })
    await pass(cluster, 50)
    expect(await contract).toMatchObject({
      code: 'ERR_NODOSUM_REQUEST_TIMEOUT',
      message: expect.stringContaining('20 ms'),
    })
    expect(isOver).toBe(false)
    await pass(cluster, 300)
    expect(await own).toMatchObject({ message: expect.stringContaining('300 ms') })
    expect(await failure(a.service.application('new').request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_NO_HANDLER',
    })
  })

  it('leave alone what they do not change: quotas and breakers go on counting', async () => {
    const { cluster, a, b } = nodes()
    b.orders.configure({ ratePerSecond: 1 }).onRequest(() => 'reply')
    expect(await a.orders.request('b', 1)).toBe('reply')
    b.service.reconfigure({ sendTimeoutMs: 100 })
    b.orders.configure({ requestTimeoutMs: 100 })
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
    })
    b.service.reconfigure({ ratePerSecond: 5 })
    expect(await failure(a.orders.request('b', 1))).toMatchObject({
      code: 'ERR_NODOSUM_RATE_LIMITED',
    })
    cluster.scheduler.runFor(1_000)
    expect(await a.orders.request('b', 1)).toBe('reply')
  })
})
