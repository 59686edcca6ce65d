import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { failure, settle, TestCluster, until } from '../cluster.ts'

function twoNodes(options: object = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  return { cluster, a, b }
}

describe('a request is tried again', () => {
  it('when it certainly did not run: the owner has moved', async () => {
    const { cluster, a, b } = twoNodes()
    for (const node of [a, b]) node.orders.onRequest(() => node.id)
    // a believes that b is the only one; b knows better.
    cluster.viewOf.set('a', { candidates: () => [b.id] })
    const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`)
    const replies = Promise.all(
      keys.map((key) => a.orders.request({ kind: 'owner', key }, key, { timeoutMs: 5_000 })),
    )
    await settle()
    expect(b.counts.received).toBe(10)
    cluster.viewOf.clear()
    for (let turn = 0; turn < 20; turn++) {
      cluster.scheduler.runFor(20)
      await settle()
    }
    const owners = await replies
    expect(new Set(owners)).toEqual(new Set(['a', 'b']))
  })

  it('when the node drains, elsewhere', async () => {
    const { cluster, a, b } = twoNodes()
    const c = cluster.node('c')
    for (const node of [b, c]) node.orders.onRequest(() => node.id)
    b.service.drain()
    cluster.viewOf.set('a', { candidates: () => [b.id] })
    const reply = a.orders.request({ kind: 'any', key: null }, 1)
    await settle()
    cluster.viewOf.set('a', { candidates: () => [c.id] })
    for (let turn = 0; turn < 10; turn++) {
      cluster.scheduler.runFor(20)
      await settle()
    }
    expect(await reply).toBe('c')
  })

  it('when there was no session, as long as there is time', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => 'there')
    cluster.unreachable = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'not yet')
    const reply = a.orders.request('b', 1, { timeoutMs: 5_000 })
    await settle()
    cluster.unreachable = null
    for (let turn = 0; turn < 20; turn++) {
      cluster.scheduler.runFor(50)
      await settle()
    }
    expect(await reply).toBe('there')
  })

  it('after an unknown outcome only when it is idempotent', async () => {
    const { cluster, a, b } = twoNodes()
    let runs = 0
    b.orders.onRequest(() => {
      runs += 1
      return runs === 1 || runs === 2 ? new Promise(() => undefined) : 'done'
    })
    const once = failure(a.orders.request('b', 1))
    await until(() => runs === 1)
    cluster.cut(a, b)
    expect(await once).toMatchObject({ code: 'ERR_NODOSUM_DELIVERY_UNKNOWN' })
    expect(a.counts).toMatchObject({ accepted: 1, unknown: 1, inFlight: 0 })
    const again = a.orders.request('b', 1, { idempotent: true })
    await until(() => runs === 2)
    cluster.cut(a, b)
    for (let turn = 0; turn < 10; turn++) {
      cluster.scheduler.runFor(20)
      await settle()
    }
    expect(await again).toBe('done')
    expect(runs).toBe(3)
  })

  it('never after the handler threw', async () => {
    const { a, b } = twoNodes()
    let runs = 0
    b.orders.onRequest(() => {
      runs += 1
      throw new Error('no')
    })
    await failure(a.orders.request('b', 1, { idempotent: true }))
    expect(runs).toBe(1)
  })

  it('until its time is over, which the error then says with the number of attempts', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => new Promise(() => undefined))
    const error = failure(a.orders.request('b', 1, { timeoutMs: 300, idempotent: true }))
    for (let turn = 0; turn < 80; turn++) {
      await settle()
      cluster.scheduler.runFor(5)
    }
    expect(await error).toMatchObject({
      code: 'ERR_NODOSUM_REQUEST_TIMEOUT',
      message: 'b did not reply within 300 ms (3 attempts)',
      details: { node: 'b', attempts: 3 },
    })
  })

  it('after a clear refusal only if the answer can come in time', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => null)
    await a.orders.request('b', 0)
    b.service.drain()
    cluster.wire.holds = true
    const errors = Array.from({ length: 100 }, (_, index) =>
      failure(a.orders.request('b', index, { timeoutMs: 200 + index })),
    )
    // Every frame arrives 8 ms after it was sent.
    for (let turn = 0; turn < 40; turn++) {
      cluster.scheduler.runFor(2)
      await settle()
      cluster.scheduler.runFor(8)
      cluster.wire.holds = false
      for (let way = 0; way < 2; way++) {
        for (const end of [cluster.end(a, b), cluster.end(b, a)]) end.wake()
        await settle()
      }
      cluster.wire.holds = true
    }
    for (const error of await Promise.all(errors)) {
      expect(error).toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING', class: 'temporary' })
    }
  })

  it('and gives up in time, also while it waits', async () => {
    const { cluster, a } = twoNodes()
    cluster.unreachable = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'never')
    const error = failure(a.orders.request('b', 1, { timeoutMs: 1_000 }))
    const controller = new AbortController()
    const aborted = failure(a.orders.request('b', 1, { signal: controller.signal }))
    for (let turn = 0; turn < 60; turn++) {
      await settle()
      cluster.scheduler.runFor(20)
      if (turn === 5) controller.abort()
    }
    expect(await error).toMatchObject({ code: 'ERR_NODOSUM_CONNECT_TIMEOUT' })
    expect(await aborted).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    expect(a.counts).toMatchObject({ accepted: 0, refused: 2 })
  })
})
