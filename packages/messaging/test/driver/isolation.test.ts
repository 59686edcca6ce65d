import { describe, expect, it } from 'vitest'
import { failure, gate, settle, TestCluster, until } from '../cluster.ts'

function twoNodes(options: object = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  return { cluster, a, b }
}

describe('a handler that never returns', () => {
  it('leaves the answer OVERLOAD for those beyond the queue, without any time passing', async () => {
    const { cluster, a, b } = twoNodes({ handlerConcurrencyMax: 2, requestQueueMax: 3 })
    b.orders.onRequest(() => new Promise(() => undefined))
    const stock = b.service.application('stock')
    stock.onRequest(() => 'answer')
    await cluster.ensure(a, 'b')
    const startMs = cluster.scheduler.nowMs()
    const outcomes: unknown[] = []
    for (let each = 0; each < 10; each++) {
      void failure(a.orders.request('b', each)).then((error) => outcomes.push(error))
    }
    await until(() => outcomes.length === 5)
    expect(cluster.scheduler.nowMs()).toBe(startMs)
    for (const error of outcomes) {
      expect(error).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD', retryable: true })
    }
    expect(b.counts).toMatchObject({ requestsRunning: 2, requestsWaiting: 3 })
    // Other applications of the same node go on.
    expect(await a.service.application('stock').request('b', 1)).toBe('answer')
  })

  it('does not keep those that wait behind it in the queue once they are given up', async () => {
    const { cluster, a, b } = twoNodes({ handlerConcurrencyMax: 1, requestQueueMax: 2 })
    b.orders.onRequest(() => new Promise(() => undefined))
    await cluster.ensure(a, 'b')
    const [running, ...waiting] = [60_000, 100, 100].map((timeoutMs) =>
      failure(a.orders.request('b', 1, { timeoutMs })),
    )
    await until(() => b.counts.requestsWaiting === 2)
    expect(await failure(a.orders.request('b', 1))).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
    cluster.scheduler.runFor(100)
    await Promise.all(waiting)
    await settle()
    const next = failure(a.orders.request('b', 1, { timeoutMs: 100 }))
    await until(() => b.counts.requestsWaiting === 1)
    cluster.scheduler.runFor(60_000)
    expect(await running).toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT' })
    expect(await next).toMatchObject({ code: 'ERR_NODOSUM_REQUEST_TIMEOUT' })
  })
})

describe('a handler that blocks', () => {
  it('leaves the answer OVERLOAD within 100 ms, and everything else goes on between', async () => {
    const { cluster, a, b } = twoNodes({ requestQueueMax: 2 })
    const { scheduler } = cluster
    // The loop stands still: time passes and nothing else happens.
    b.orders.onRequest((payload) => {
      scheduler.runFor(60)
      return payload
    })
    await a.orders.request('b', 0)
    const startMs = scheduler.nowMs()
    const refusedAtMs: number[] = []
    const replies: unknown[] = []
    for (let each = 1; each <= 10; each++) {
      a.orders.request('b', each).then(
        (reply) => replies.push(reply),
        (error) => {
          expect(error).toMatchObject({ code: 'ERR_NODOSUM_OVERLOAD' })
          refusedAtMs.push(scheduler.nowMs() - startMs)
        },
      )
    }
    await until(() => replies.length + refusedAtMs.length === 10)
    expect(replies).toEqual([1, 2, 3])
    expect(refusedAtMs).toHaveLength(7)
    for (const ms of refusedAtMs) expect(ms).toBeLessThanOrEqual(100)
  })

  it('makes the messages behind it wait a turn, in their order, while others are answered', async () => {
    const { cluster, a, b } = twoNodes()
    const seen: unknown[] = []
    b.orders.onMessage((payload) => {
      cluster.scheduler.runFor(200)
      seen.push(payload)
    })
    b.service.application('stock').onRequest(() => {
      seen.push('answer')
      return null
    })
    await cluster.ensure(a, 'b')
    const sends = Array.from({ length: 10 }, (_, each) => a.orders.send('b', each))
    const answer = a.service.application('stock').request('b', 1, { timeoutMs: 60_000 })
    await Promise.all([...sends, answer])
    await until(() => seen.length === 11)
    expect(seen.filter((each) => each !== 'answer')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(seen.indexOf('answer')).toBeLessThan(3)
    await settle()
    expect(a.counts).toMatchObject({ accepted: 10, delivered: 10 })
  })

  it('gives each application its turn', async () => {
    const { cluster, a, b } = twoNodes()
    const seen: string[] = []
    const names = ['x', 'y', 'z']
    for (const name of names) {
      b.service.application(name).onMessage(() => {
        cluster.scheduler.runFor(60)
        seen.push(name)
      })
    }
    await cluster.ensure(a, 'b')
    for (let each = 0; each < 5; each++) {
      for (const name of names) await a.service.application(name).send('b', each)
    }
    await until(() => seen.length === 15)
    for (const name of names) expect(seen.lastIndexOf(name)).toBeGreaterThan(10)
  })
})

describe('a handler that throws', () => {
  it('fails its own message and nothing else', async () => {
    const { a, b } = twoNodes({ handlerConcurrencyMax: 2 })
    const seen: unknown[] = []
    b.orders.onMessage(async (payload) => {
      if (payload === 3) throw new Error('sync, in a promise')
      seen.push(payload)
      if (payload === 4) await Promise.reject(new Error('async'))
    })
    b.orders.onRequest((payload) => {
      if (payload === 'throw') throw new Error('no')
      return payload
    })
    const outcomes = await Promise.allSettled([
      ...[1, 2, 3, 4, 5].map((each) => a.orders.send('b', each, { confirm: 'handled' })),
      a.orders.request('b', 'throw'),
      a.orders.request('b', 'fine'),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(seen).toEqual([1, 2, 4, 5])
    expect(b.counts).toMatchObject({ handlerErrors: 3, messagesRunning: 0, requestsRunning: 0 })
  })
})

describe('when memory is short', () => {
  const options = { memoryBytesMax: 65_536, requestQueueMax: 1_000, waitingSendsMax: 1_000 }

  it('messages give way first, then requests, and the node goes on when it is free', async () => {
    const { a, b } = twoNodes({ ...options, handlerConcurrencyMax: 1_000 })
    const { opened, open } = gate()
    const seen: number[] = []
    b.orders.onMessage(async (payload) => {
      seen.push((payload as Uint8Array).length)
      await opened
    })
    b.orders.onRequest(() => opened)
    const bytes = new Uint8Array(10_000)
    for (let each = 0; each < 8; each++) await a.orders.send('b', bytes)
    await settle()
    // Three quarters of 64 KiB are reached with the fifth: the lane waits.
    expect(seen).toHaveLength(5)
    expect(b.service.memory).toMatchObject({ sheds: 'bulk', held: 1 })
    const requests = [a.orders.request('b', bytes), a.orders.request('b', bytes)]
    await settle()
    expect(b.service.memory).toMatchObject({ sheds: 'interactive' })
    const refused = await failure(a.orders.request('b', new Uint8Array(1)))
    expect(refused).toMatchObject({
      code: 'ERR_NODOSUM_MEMORY_PRESSURE',
      class: 'overload',
      details: { node: 'b', retryAfterMs: 100 },
    })
    expect(b.service.memory.refused).toBe(1)
    open()
    await Promise.all(requests)
    await until(() => seen.length === 8)
    await settle()
    expect(b.service.memory).toMatchObject({ heldBytes: 0, sheds: 'nothing' })
    expect(a.service.memory.heldBytes).toBe(0)
    expect(a.counts).toMatchObject({ delivered: 8 + 2, rejected: 1 })
  })

  it('sends that would have to wait are refused before they are accepted', async () => {
    const { cluster, a, b } = twoNodes(options)
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    cluster.wire.roomBytes = 0
    const bytes = new Uint8Array(10_000)
    const sends = Array.from({ length: 8 }, () => failure(a.orders.send('b', bytes)))
    await settle()
    expect(a.service.memory).toMatchObject({ sheds: 'bulk', refused: 3 })
    expect(await sends[7]).toMatchObject({ code: 'ERR_NODOSUM_MEMORY_PRESSURE' })
    expect(a.counts).toMatchObject({ accepted: 1, refused: 3 })
    cluster.scheduler.runFor(5_000)
    await Promise.all(sends)
    expect(a.service.memory.heldBytes).toBe(0)
  })

  it('the node’s own business goes on', async () => {
    const { a, b } = twoNodes({ ...options, memoryBytesMax: 65_536 })
    const { opened, open } = gate()
    b.orders.onRequest(() => opened)
    b.service.application('nodosum.keys').onRequest(() => 'keys')
    const large = a.orders.request('b', new Uint8Array(70_000))
    await settle()
    expect(b.service.memory.sheds).toBe('interactive')
    expect(await a.service.application('nodosum.keys').request('b', 1)).toBe('keys')
    open()
    await large
  })
})
