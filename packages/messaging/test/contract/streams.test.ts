import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { MessagingOptions } from '../../src/index.ts'
import { gate, settle, TestCluster, type TestNode, until } from '../cluster.ts'
import { type ShopHandlers, shop, shopHandlers } from './shop.ts'

interface Pair {
  readonly cluster: TestCluster
  readonly a: TestNode
  readonly b: TestNode
  readonly calls: TestNode['service']['calls']
}

function pair(
  count: ShopHandlers['count'] = shopHandlers().count,
  options: Partial<MessagingOptions> = {},
): Pair {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  b.service.implement(shop.implement(shopHandlers({ count })))
  return { cluster, a, b, calls: a.service.calls }
}

/** Everything that a stream gives, and what it ends with. */
async function drained(
  items: AsyncIterable<unknown>,
): Promise<{ items: unknown[]; error: unknown }> {
  const taken: unknown[] = []
  try {
    for await (const item of items) taken.push(item)
    return { items: taken, error: null }
  } catch (error) {
    return { items: taken, error }
  }
}

const all = { from: 1, to: 1_000_000 }
const toB = { to: 'b' } as const

/** A producer that is watched: what it gave, and that it was told to end. */
function watched(): {
  count: ShopHandlers['count']
  given: number[]
  state: { ended: boolean; aborted: boolean; running: number }
} {
  const given: number[] = []
  const state = { ended: false, aborted: false, running: 0 }
  async function* count(
    { from, to }: { from: number; to: number },
    { signal }: { signal: AbortSignal },
  ): AsyncGenerator<number> {
    state.running += 1
    signal.addEventListener('abort', () => {
      state.aborted = true
    })
    try {
      for (let number = from; number <= to; number++) {
        given.push(number)
        yield number
      }
    } finally {
      state.ended = true
      state.running -= 1
    }
  }
  return { count, given, state }
}

describe('a streaming reply', () => {
  it('gives every item in order, as the schema makes it, and ends', async () => {
    const { a, b, calls } = pair()
    const got = await drained(calls.stream(shop.count, { from: 1, to: 1_000 }, toB))
    expect(got.error).toBeNull()
    expect(got.items).toEqual(Array.from({ length: 1_000 }, (_, index) => ({ number: index + 1 })))
    expect(a.service.snapshot().shop).toMatchObject({ accepted: 1, delivered: 1, inFlight: 0 })
    expect(b.service.snapshot().shop).toMatchObject({ received: 1, handlerErrors: 0 })
    expect(await drained(calls.stream(shop.count, { from: 2, to: 1 }, toB))).toEqual({
      items: [],
      error: null,
    })
    await settle()
    expect([a.service.busy, b.service.busy]).toEqual([0, 0])
  })

  it('does nothing before its first item is asked for', async () => {
    const { b, calls } = pair()
    calls.stream(shop.count, all, toB)
    await settle()
    expect(b.service.snapshot().shop?.received).toBe(0)
  })

  it('is produced no faster than it is taken: by items', async () => {
    const { count, given } = watched()
    const { calls } = pair(count, { streamWindowItems: 8 })
    const stream = calls.stream(shop.count, all, toB)
    await stream.next()
    await settle()
    // One is taken and eight are granted.
    expect(given.length).toBe(8)
    for (let taken = 1; taken < 100; taken++) {
      await stream.next()
      await settle()
      expect(given.length).toBeLessThanOrEqual(taken + 1 + 8)
    }
    await stream.return?.()
  })

  it('is produced no faster than it is taken: by bytes', async () => {
    const { count, given } = watched()
    // Numbers from 65,536 on are five bytes each.
    const { calls } = pair(count, { streamWindowBytes: 1_024, streamWindowItems: 65_536 })
    const stream = calls.stream(shop.count, { from: 65_536, to: 1_000_000 }, toB)
    await stream.next()
    await settle()
    expect(given.length).toBe(Math.ceil(1_024 / 5))
    await stream.return?.()
  })

  it('waits when the lane has no room, and goes on', async () => {
    const { cluster, calls } = pair(undefined, { streamWindowItems: 1_000 })
    cluster.wire.roomBytes = 40
    const got = await drained(calls.stream(shop.count, { from: 1, to: 300 }, toB))
    expect([got.items.length, got.error]).toEqual([300, null])
  })

  it('ends at its producer when its consumer leaves the loop', async () => {
    const { count, state } = watched()
    const { a, b, calls } = pair(count)
    for await (const { number } of calls.stream(shop.count, all, toB)) if (number === 5) break
    await settle()
    expect(state).toEqual({ ended: true, aborted: true, running: 0 })
    expect([a.service.busy, b.service.busy]).toEqual([0, 0])
    // Its handler had started.
    expect(a.service.snapshot().shop).toMatchObject({ delivered: 1, unknown: 0 })
  })

  it('ends at its producer when its consumer fails', async () => {
    const { count, state } = watched()
    const { calls } = pair(count)
    const failing = (async () => {
      for await (const _item of calls.stream(shop.count, all, toB)) throw new Error('full')
    })()
    await expect(failing).rejects.toThrow('full')
    await settle()
    expect(state.ended).toBe(true)
  })

  it.each([
    ['while it waits', true],
    ['between two items', false],
  ])('ends with CANCELLED once when its signal aborts %s', async (_title, waits) => {
    const { opened, open } = gate()
    let aborted = false
    const { b, calls } = pair(async function* (_filter, { signal }) {
      signal.addEventListener('abort', () => {
        aborted = true
        open()
      })
      yield 1
      await opened
    })
    const controller = new AbortController()
    const stream = calls.stream(shop.count, all, { ...toB, signal: controller.signal })
    expect(await stream.next()).toEqual({ done: false, value: { number: 1 } })
    const waiting = waits ? stream.next() : null
    await settle()
    controller.abort()
    await expect(waiting ?? stream.next()).rejects.toMatchObject({
      code: 'ERR_NODOSUM_CANCELLED',
    })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await until(() => b.service.busy === 0)
    expect(aborted).toBe(true)
  })

  it('that is aborted before it is opened leaves nothing behind', async () => {
    const { count, state } = watched()
    const { cluster, b, calls } = pair(count)
    cluster.wire.holds = true
    const controller = new AbortController()
    const first = calls.stream(shop.count, all, { ...toB, signal: controller.signal }).next()
    await settle()
    controller.abort()
    await expect(first).rejects.toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    cluster.wire.holds = false
    // Anything makes the wire move on.
    await calls.request(shop.reserve, { sku: 'x' }, toB)
    await settle()
    expect([b.service.busy, state.running]).toEqual([0, 0])
  })

  it('ends with REQUEST_TIMEOUT once when its time is over', async () => {
    const { count, state } = watched()
    const { cluster, calls } = pair(count)
    const stream = calls.stream(shop.count, all, { ...toB, timeoutMs: 500 })
    await stream.next()
    cluster.scheduler.runFor(500)
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT' })
    expect((await stream.next()).done).toBe(true)
    await settle()
    expect(state.ended).toBe(true)
  })

  it('gives the items that came before the handler threw, then its error', async () => {
    const failing: ShopHandlers['count'] = async function* () {
      yield 1
      yield 2
      throw Object.assign(new TypeError('disk'), { code: 'EIO' })
    }
    const { b, calls } = pair(failing)
    const got = await drained(calls.stream(shop.count, all, toB))
    expect(got.items).toEqual([{ number: 1 }, { number: 2 }])
    expect(got.error).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'EIO' },
      cause: { message: 'disk' },
    })
    expect(b.service.snapshot().shop?.handlerErrors).toBe(1)
  })

  it('ends with an error that its contract declares', async () => {
    const { b, calls } = pair(async function* () {
      yield 1
      throw shop.count.error('STOPPED', 'for lunch')
    })
    const got = await drained(calls.stream(shop.count, all, toB))
    expect(got.items).toEqual([{ number: 1 }])
    expect(shop.count.isError(got.error, 'STOPPED')).toBe(true)
    expect(got.error).toMatchObject({ data: 'for lunch', node: 'b' })
    expect(b.service.snapshot().shop?.handlerErrors).toBe(0)
  })

  it('checks input and items on both sides', async () => {
    const { a, b, calls } = pair(async function* () {
      yield 1
      yield 1.5
    })
    const wrong = await drained(calls.stream(shop.count, { from: 1 } as never, toB))
    expect(wrong.error).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      details: { issues: [expect.stringMatching(/^input\.to: /)] },
    })
    const got = await drained(calls.stream(shop.count, all, toB))
    expect(got.items).toEqual([{ number: 1 }])
    expect(got.error).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'ERR_NODOSUM_PAYLOAD_INVALID' },
    })
    expect([a.service.snapshot().shop?.accepted, b.service.busy]).toEqual([1, 0])
  })

  it('whose handler returns no items is an error that says how to write it', async () => {
    const { calls } = pair((() => 5) as never)
    const got = await drained(calls.stream(shop.count, all, toB))
    expect(got.error).toMatchObject({ code: 'ERR_NODOSUM_REMOTE_ERROR' })
    expect(String(got.error)).toContain('write it as async *count(input, context) { yield … }')
  })

  it('ends once, after what has come, when the session is lost, and its handler ends', async () => {
    const { count, state } = watched()
    const { cluster, a, b, calls } = pair(count, { streamWindowItems: 4 })
    const stream = calls.stream(shop.count, all, toB)
    await stream.next()
    await settle()
    cluster.cut(a, b)
    const got = await drained({ [Symbol.asyncIterator]: () => stream })
    expect(got.items).toEqual([{ number: 2 }, { number: 3 }, { number: 4 }])
    expect(got.error).toMatchObject({
      code: 'ERR_NODOSUM_DELIVERY_UNKNOWN',
      details: { node: 'b' },
    })
    expect((await stream.next()).done).toBe(true)
    await settle()
    expect(state).toMatchObject({ ended: true, aborted: true })
    expect(b.service.busy).toBe(0)
  })

  it.each([
    ['its producer', 16, 2],
    ['its consumer', 2, 16],
  ])('past the limit of one peer is refused by %s, and room is made', async (_title, of, at) => {
    const { count } = watched()
    const cluster = new TestCluster()
    const a = cluster.node('a', { streamsPerPeerMax: of })
    const b = cluster.node('b', { streamsPerPeerMax: at })
    b.service.implement(shop.implement(shopHandlers({ count })))
    const ask = () => a.service.calls.stream(shop.count, { from: 1, to: 100_000 }, toB)
    const open = [ask(), ask()]
    for (const stream of open) await stream.next()
    const refused = await drained(ask())
    expect(refused.error).toMatchObject({ code: 'ERR_NODOSUM_LIMIT_STREAMS' })
    expect(String(refused.error)).toContain('(streamsPerPeerMax)')
    const { refused: here, rejected } = a.service.snapshot().shop ?? {}
    expect([here, rejected]).toEqual(of === 2 ? [1, 0] : [0, 1])
    await open[0]?.return?.()
    await until(() => b.service.busy === 1)
    const third = ask()
    expect((await third.next()).done).toBe(false)
    for (const stream of [open[1], third]) await stream?.return?.()
  })

  it('past the limit of the application is refused by its producer', async () => {
    const { count } = watched()
    const cluster = new TestCluster()
    const [a, c] = [cluster.node('a'), cluster.node('c')]
    const b = cluster.node('b', { streamsMax: 2, streamsPerPeerMax: 2 })
    b.service.implement(shop.implement(shopHandlers({ count })))
    const open = [a, c].map(({ service }) => service.calls.stream(shop.count, all, toB))
    for (const stream of open) await stream.next()
    const refused = await drained(a.service.calls.stream(shop.count, all, toB))
    expect(refused.error).toMatchObject({ code: 'ERR_NODOSUM_LIMIT_STREAMS' })
    expect(String(refused.error)).toContain('shop produces 2 streams (streamsMax)')
    expect(a.service.snapshot().shop).toMatchObject({ rejected: 1, inFlight: 0 })
    for (const stream of open) await stream.return?.()
  })

  it('is asked of another node when one refuses before it starts', async () => {
    const { cluster, a, b } = pair()
    const c = cluster.node('c')
    c.service.implement(shop.implement(shopHandlers()))
    b.service.drain()
    const asked = drained(
      a.service.calls.stream(shop.count, { from: 1, to: 2 }, { to: ['b', 'c'] }),
    )
    for (let turn = 0; turn < 20; turn++) {
      await settle()
      cluster.scheduler.runFor(100)
    }
    expect(await asked).toEqual({ items: [{ number: 1 }, { number: 2 }], error: null })
    expect(a.service.snapshot().shop).toMatchObject({ inFlight: 0, delivered: 1 })
  })

  it('of a node that drains ends, so that its consumer asks elsewhere', async () => {
    const { count, state } = watched()
    const { b, calls } = pair(count)
    const stream = calls.stream(shop.count, all, toB)
    await stream.next()
    b.service.drain()
    const got = await drained({ [Symbol.asyncIterator]: () => stream })
    expect(got.error).toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING', retryable: true })
    expect(state.ended).toBe(true)
    await until(() => b.service.busy === 0)
  })

  it('holds its place until its handler has ended', async () => {
    const { opened, open } = gate()
    const { b, calls } = pair(async function* () {
      yield 1
      // Deaf to its signal.
      await opened
    })
    for await (const _item of calls.stream(shop.count, all, toB)) break
    await settle()
    expect(b.service.busy).toBe(1)
    open()
    await until(() => b.service.busy === 0)
  })

  it('runs beside others, requests and messages, in both directions', async () => {
    const { a, b, calls } = pair()
    a.service.implement(shop.implement(shopHandlers()))
    const [one, two, three, reply] = await Promise.all([
      drained(calls.stream(shop.count, { from: 1, to: 500 }, toB)),
      drained(calls.stream(shop.count, { from: 501, to: 1_000 }, toB)),
      drained(b.service.calls.stream(shop.count, { from: 1, to: 500 }, { to: 'a' })),
      calls.request(shop.reserve, { sku: 'tea' }, toB),
    ])
    expect([one, two, three].map(({ items, error }) => [items.length, error])).toEqual([
      [500, null],
      [500, null],
      [500, null],
    ])
    expect(reply.id).toBe('tea')
    expect(one.items.at(-1)).toEqual({ number: 500 })
    expect(two.items[0]).toEqual({ number: 501 })
  })

  it('reaches this node itself', async () => {
    const { b } = pair()
    const got = await drained(b.service.calls.stream(shop.count, { from: 1, to: 3 }, toB))
    expect(got.items).toHaveLength(3)
  })

  it('of a producer that sends more than it was granted ends the session', async () => {
    const { cluster, a, b, calls } = pair(undefined, { streamWindowItems: 2 })
    const stream = calls.stream(shop.count, all, toB)
    await stream.next()
    await settle()
    const [lane] = cluster.end(a, b).incoming
    // ITEM of call 2, the first after OPEN: the number 7 as CBOR.
    const item = Uint8Array.of(2, 1, 7)
    for (let more = 0; more < 3; more++) lane?.receiver?.frame(0x99, 100 + more, item, 0, 3)
    expect(() => cluster.end(a, b)).toThrow('no session')
    const got = await drained({ [Symbol.asyncIterator]: () => stream })
    expect(got.error).toBeInstanceOf(NodosumError)
    expect(String((got.error as NodosumError).message)).toContain('more than it was granted')
  })
})
