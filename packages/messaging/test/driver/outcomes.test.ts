import { describe, expect, it } from 'vitest'
import { gate, settle, TestCluster, type TestNode, until } from '../cluster.ts'

function twoNodes(options: object = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  return { cluster, a, b }
}

function conserved(node: TestNode): boolean {
  const { accepted, delivered, rejected, expired, unknown, inFlight } = node.counts
  return accepted === delivered + rejected + expired + unknown + inFlight && inFlight >= 0
}

describe('a message that is not handled', () => {
  it('because there is no handler is rejected, and heard of', async () => {
    const { a, b } = twoNodes()
    b.orders.onRequest(() => null)
    const sent = a.orders.send('b', 1, { confirm: 'received' })
    await expect(sent).rejects.toMatchObject({ code: 'ERR_NODOSUM_NO_HANDLER', retryable: false })
    expect(a.undelivered).toMatchObject([
      { application: 'orders', to: 'b', code: 'ERR_NODOSUM_NO_HANDLER' },
    ])
    expect(a.counts).toMatchObject({ accepted: 1, rejected: 1, inFlight: 0 })
  })

  it('because its handler throws fails alone, and only where that was asked for', async () => {
    const { a, b } = twoNodes()
    b.orders.onMessage(async (payload) => {
      if (payload === 'sync') throw new RangeError('no')
      await Promise.resolve()
      if (payload === 'async') throw Object.assign(new Error('sold out'), { code: 'OUT_OF_STOCK' })
    })
    const outcomes = await Promise.allSettled(
      ['sync', 'async', 'fine'].map((payload) =>
        a.orders.send('b', payload, { confirm: 'handled' }),
      ),
    )
    expect(outcomes).toMatchObject([
      { reason: { code: 'ERR_NODOSUM_REMOTE_ERROR', details: { remoteName: 'RangeError' } } },
      { reason: { code: 'ERR_NODOSUM_REMOTE_ERROR', details: { remoteCode: 'OUT_OF_STOCK' } } },
      { status: 'fulfilled' },
    ])
    await a.orders.send('b', 'sync', { confirm: 'received' })
    // A handler that threw has started: that counts as delivered.
    expect(a.counts).toMatchObject({ accepted: 4, delivered: 4, rejected: 0 })
    expect(b.counts.handlerErrors).toBe(3)
    expect(b.logged).toHaveLength(3)
    expect(a.undelivered).toEqual([])
  })

  it('because the node drains is rejected as temporary', async () => {
    const { a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 1, { confirm: 'received' })
    b.service.drain()
    const sent = a.orders.send('b', 2, { confirm: 'received' })
    await expect(sent).rejects.toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING', retryable: true })
  })

  it('because the receiver does not own the key is rejected as temporary', async () => {
    const { cluster, a, b } = twoNodes()
    for (const node of [a, b]) node.orders.onMessage(() => undefined)
    // b believes that only a runs the application.
    cluster.viewOf.set('b', { candidates: () => [a.id] })
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
    const outcomes = await Promise.allSettled(
      keys.map((key) => a.orders.send({ kind: 'owner', key }, key, { confirm: 'received' })),
    )
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(2)
    expect(refused.length).toBeLessThan(18)
    for (const outcome of refused) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_NODOSUM_NOT_OWNER' } })
    }
  })

  it('because the receiver was cut off is unknown, never delivered', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    const confirmed = a.orders.send('b', 1, { confirm: 'received' })
    const outcome = confirmed.catch((error: unknown) => error)
    for (let number = 2; number <= 10; number++) a.orders.trySend('b', number)
    cluster.cut(a, b)
    expect(await outcome).toMatchObject({
      code: 'ERR_NODOSUM_DELIVERY_UNKNOWN',
      class: 'ambiguous',
    })
    expect(a.counts).toMatchObject({ accepted: 11, delivered: 1, unknown: 10, inFlight: 0 })
    expect(a.undelivered).toHaveLength(10)
    expect(new Set(a.undelivered.map(({ messageId }) => messageId)).size).toBe(10)
  })

  it('because it was cut off after it was rejected is rejected, once', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onRequest(() => null)
    const sent = a.orders.send('b', 1, { confirm: 'received' }).catch((error: unknown) => error)
    await until(() => a.undelivered.length === 1)
    cluster.cut(a, b)
    expect(await sent).toMatchObject({ code: 'ERR_NODOSUM_NO_HANDLER' })
    expect(a.counts).toMatchObject({ rejected: 1, unknown: 0 })
    expect(a.undelivered).toHaveLength(1)
  })

  it('in time for its confirmation is unknown to its sender, and counted when it ends', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    b.orders.onMessage(() => opened)
    const sent = a.orders.send('b', 1, { confirm: 'handled', timeoutMs: 200 })
    const outcome = sent.catch((error: unknown) => error)
    await until(() => b.counts.received === 1)
    cluster.scheduler.runFor(200)
    expect(await outcome).toMatchObject({ code: 'ERR_NODOSUM_DELIVERY_UNKNOWN' })
    await settle()
    expect(a.counts).toMatchObject({ delivered: 0, inFlight: 1 })
    open()
    await settle()
    expect(a.counts).toMatchObject({ delivered: 1, unknown: 0, inFlight: 0 })
  })

  it('because the receiver dies while its handlers run counts as its callers are told', async () => {
    const { cluster, a, b } = twoNodes()
    const { opened, open } = gate()
    b.orders.onMessage((payload) => (payload === 'slow' ? opened : undefined))
    const quick = ['handled', 'received', 'accepted'] as const
    for (const confirm of quick) await a.orders.send('b', 'quick', { confirm })
    const slow = Array.from({ length: 50 }, () =>
      a.orders.send('b', 'slow', { confirm: 'handled' }).catch((error: unknown) => error),
    )
    await until(() => b.counts.received === 53)
    await settle()
    expect(a.counts).toMatchObject({ delivered: 3, inFlight: 50 })
    cluster.cut(a, b)
    for (const outcome of await Promise.all(slow)) {
      expect(outcome).toMatchObject({ code: 'ERR_NODOSUM_DELIVERY_UNKNOWN' })
    }
    expect(a.counts).toMatchObject({ accepted: 53, delivered: 3, unknown: 50, inFlight: 0 })
    expect(a.undelivered).toHaveLength(50)
    open()
  })
})

describe('payloads that do not decode', () => {
  it('are rejected one by one, until the session ends', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    const session = cluster.end(a, b)
    const lane = session.openLane('messages', 'orders', 'hostile', 'interactive')
    for (let number = 0; number < 16; number++) {
      const at = lane.frame(0x90, 0, 2)
      lane.buffer.set([0x01, 0xff], at)
    }
    await until(() => session.closed)
    expect(b.counts.received).toBe(17)
    // The next message finds a new session.
    await a.orders.send('b', 1, { confirm: 'received' })
  })
})

describe('a slow receiver', () => {
  it('stops its senders at the limit of its handlers, and other lanes go on', async () => {
    const { cluster, a, b } = twoNodes({ handlerConcurrencyMax: 3 })
    cluster.wire.roomBytes = 10_000
    const { opened, open } = gate()
    let running = 0
    let most = 0
    b.orders.onMessage(async () => {
      running += 1
      most = Math.max(most, running)
      await opened
      running -= 1
    })
    const quick: unknown[] = []
    b.service.application('quick').onMessage((payload) => void quick.push(payload))
    const sends = Array.from({ length: 20 }, (_, number) => a.orders.send('b', number))
    await a.service.application('quick').send('b', 'goes on', { confirm: 'handled' })
    expect([most, quick]).toEqual([3, ['goes on']])
    expect(b.counts.received).toBe(3)
    open()
    await Promise.all(sends)
    await until(() => b.counts.received === 20 && running === 0)
    expect(most).toBe(3)
    await until(() => a.counts.inFlight === 0)
  })
})

describe('broadcast', () => {
  it('goes to every other node that runs the application, and says how it went', async () => {
    const { cluster, a, b } = twoNodes()
    const [c, d] = [cluster.node('c'), cluster.node('d')]
    const seen: string[] = []
    for (const node of [a, b, c]) node.orders.onMessage(() => void seen.push(node.id))
    d.service.application('other').onMessage(() => void seen.push('d'))
    const outcomes = await a.orders.broadcast('news', { confirm: 'handled' })
    expect([...outcomes]).toEqual([
      ['b', { status: 'delivered' }],
      ['c', { status: 'delivered' }],
    ])
    await a.orders.broadcast('news', { confirm: 'received', includeSelf: true })
    expect(seen.sort()).toEqual(['a', 'b', 'b', 'c', 'c'])
    expect(a.counts).toMatchObject({ accepted: 5, delivered: 5 })
  })

  it('waits for nobody: a full buffer is that node’s outcome', async () => {
    const { cluster, a, b } = twoNodes()
    const c = cluster.node('c')
    for (const node of [b, c]) node.orders.onMessage(() => undefined)
    await a.orders.broadcast(0, { confirm: 'received' })
    cluster.wire.holds = true
    cluster.wire.roomBytes = 50
    while (a.orders.trySend('b', new Uint8Array(10)) === 'accepted');
    const outcomes = await a.orders.broadcast(new Uint8Array(10))
    expect(outcomes.get('b')).toMatchObject({
      status: 'refused',
      code: 'ERR_NODOSUM_BACKPRESSURE',
      error: { code: 'ERR_NODOSUM_BACKPRESSURE' },
    })
    expect(outcomes.get('c')).toEqual({ status: 'accepted' })
  })

  it('tells refused, rejected, unknown and handled with an error apart', async () => {
    const { cluster, a, b } = twoNodes()
    const [c, d] = [cluster.node('c'), cluster.node('d')]
    b.orders.onMessage(() => {
      throw new Error('no')
    })
    c.orders.onRequest(() => null)
    d.orders.onMessage(() => new Promise(() => undefined))
    const outcomes = a.orders.broadcast(1, { confirm: 'handled' })
    await until(() => d.counts.received === 1)
    cluster.cut(a, d)
    const [noHandler, unknown] = ['ERR_NODOSUM_NO_HANDLER', 'ERR_NODOSUM_DELIVERY_UNKNOWN']
    expect(Object.fromEntries(await outcomes)).toMatchObject({
      b: { status: 'delivered' },
      c: { status: 'rejected', code: noHandler, error: { code: noHandler } },
      d: {
        status: 'unknown',
        code: unknown,
        error: { code: unknown, cause: { code: 'ERR_NODOSUM_CONNECTION_LOST' } },
      },
    })
  })
})

describe('the equation', () => {
  it('holds at every step of a run with cuts, refusals and failures', async () => {
    const { cluster, a, b } = twoNodes({ inFlightMax: 50, waitingSendsMax: 10 })
    cluster.wire.roomBytes = 500
    let count = 0
    b.orders.onMessage(async () => {
      count += 1
      if (count % 7 === 0) throw new Error('no')
      if (count % 5 === 0) await Promise.resolve()
    })
    const sends: Promise<unknown>[] = []
    for (let step = 0; step < 300; step++) {
      a.orders.trySend('b', step)
      if (step % 3 === 0) {
        sends.push(a.orders.send('b', step, { confirm: 'handled' }).catch(() => undefined))
      }
      if (step % 40 === 39 && cluster.session(a, 'b') !== null) cluster.cut(a, b)
      if (step % 4 === 0) await settle()
      expect(conserved(a)).toBe(true)
      cluster.scheduler.runFor(10)
    }
    await settle()
    cluster.scheduler.runFor(10_000)
    await Promise.all(sends)
    await settle()
    expect(conserved(a)).toBe(true)
    expect(a.counts.inFlight).toBe(0)
    expect(a.counts.unknown).toBeGreaterThan(0)
    expect(a.undelivered).toHaveLength(a.counts.unknown)
    // Whatever was counted as delivered did reach its handler.
    expect(b.counts.received).toBeGreaterThanOrEqual(a.counts.delivered)
  })
})

describe('close', () => {
  it('waits until what was accepted has started, for so long', async () => {
    const { cluster, a, b } = twoNodes({ flushTimeoutMs: 300 })
    b.orders.onMessage(() => new Promise(() => undefined))
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    const handled = a.orders.send('b', 1, { confirm: 'handled' }).catch((error: unknown) => error)
    await a.orders.send('b', 2)
    let isClosed = false
    void a.service.close().then(() => {
      isClosed = true
    })
    cluster.scheduler.runFor(200)
    await settle()
    expect(isClosed).toBe(false)
    cluster.wire.holds = false
    cluster.end(a, b).wake()
    await until(() => b.counts.received === 3)
    await settle()
    cluster.scheduler.runFor(10)
    await settle()
    // Started is enough: the handlers of the others may take as long as they like.
    expect(isClosed).toBe(true)
    expect(a.counts).toMatchObject({ delivered: 2, inFlight: 1 })
    cluster.cut(a, b)
    expect(await handled).toMatchObject({ code: 'ERR_NODOSUM_DELIVERY_UNKNOWN' })
  })

  it('waits no longer than it may', async () => {
    const { cluster, a, b } = twoNodes({ flushTimeoutMs: 300 })
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    await a.orders.send('b', 1)
    const closing = a.service.close()
    cluster.scheduler.runFor(300)
    await closing
    expect(a.counts).toMatchObject({ delivered: 1, inFlight: 1 })
  })

  it('refuses what arrives after it, so that nobody is left in doubt', async () => {
    const { a, b } = twoNodes()
    a.orders.onMessage(() => undefined)
    await b.orders.send('a', 0, { confirm: 'received' })
    await a.service.close()
    const late = b.orders.send('a', 1, { confirm: 'received' })
    await expect(late).rejects.toMatchObject({ code: 'ERR_NODOSUM_PEER_DRAINING' })
  })

  it('settles everything that waits', async () => {
    const { cluster, a, b } = twoNodes({ inFlightMax: 1 })
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    const sends = [1, 2, 3].map((number) => a.orders.send('b', number))
    const outcomes = Promise.allSettled(sends)
    void a.service.close()
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ])
    await expect(a.orders.send('b', 4)).rejects.toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
    expect(a.orders.trySend('b', 5)).toBe('ERR_NODOSUM_SHUT_DOWN')
    void a.service.close()
  })
})
