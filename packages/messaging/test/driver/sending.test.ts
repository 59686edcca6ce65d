import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { gate, settle, TestCluster, until } from '../cluster.ts'

function twoNodes(options: ConstructorParameters<typeof Object>[0] = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options as object), cluster.node('b', options as object)]
  return { cluster, a, b }
}

describe('send', () => {
  it('resolves as the confirmation says', async () => {
    const { a, b } = twoNodes()
    const { opened, open } = gate()
    const log: string[] = []
    b.orders.onMessage(async (payload) => {
      log.push(`started ${payload}`)
      await opened
      log.push(`finished ${payload}`)
    })
    await a.orders.send('b', 1)
    expect(log).toEqual([])
    await a.orders.send('b', 2, { confirm: 'received' })
    expect(log).toEqual(['started 1', 'started 2'])
    const handled = a.orders.send('b', 3, { confirm: 'handled' }).then(() => log.push('handled'))
    await settle()
    expect(log).not.toContain('handled')
    open()
    await handled
    expect(log.at(-2)).toBe('finished 3')
    expect(a.counts).toMatchObject({ accepted: 3, delivered: 3, inFlight: 0 })
    expect(b.counts.received).toBe(3)
  })

  it('tells the handler who sent what', async () => {
    const { a, b } = twoNodes()
    const seen: object[] = []
    b.orders.onMessage((payload, context) => {
      const { from, application, lane, deadlineMs, key } = context
      seen.push({ payload, from, application, lane, deadlineMs, key, id: context.messageId })
    })
    await a.orders.lane('audit').send('b', { sku: 'tea' }, { confirm: 'received' })
    await a.orders.send('b', Uint8Array.of(7), { confirm: 'received' })
    expect(seen).toMatchObject([
      { payload: { sku: 'tea' }, from: 'a', application: 'orders', lane: 'audit', key: null },
      { payload: Uint8Array.of(7), lane: 'default', deadlineMs: null },
    ])
    expect(new Set(seen.map((one) => (one as { id: string }).id)).size).toBe(2)
  })

  it('keeps the order of one lane, whatever the way of sending', async () => {
    const { cluster, a, b } = twoNodes()
    cluster.wire.roomBytes = 30
    const seen: unknown[] = []
    b.orders.onMessage((payload) => void seen.push(payload))
    await a.orders.send('b', -1, { confirm: 'received' })
    const sends: Promise<unknown>[] = []
    let number = 0
    const tried: number[] = []
    for (let turn = 0; turn < 40; turn++) {
      for (let each = 0; each < 20; each++) {
        const next = number++
        if (each % 3 === 0) {
          if (a.orders.trySend('b', next) === 'accepted') tried.push(next)
        } else {
          tried.push(next)
          sends.push(a.orders.send('b', next, each % 2 === 0 ? { confirm: 'handled' } : {}))
        }
      }
      await settle()
    }
    await Promise.all(sends)
    await until(() => seen.length === tried.length + 1)
    expect(seen.slice(1)).toEqual(tried)
    expect(a.counts.refused).toBe(number - tried.length)
    expect(a.counts.refused).toBeGreaterThan(0)
  })

  it('to several nodes fails when one does, and names it', async () => {
    const { cluster, a, b } = twoNodes()
    const c = cluster.node('c')
    const seen: string[] = []
    for (const node of [b, c]) node.orders.onMessage(() => void seen.push(node.id))
    await a.orders.send(['b', 'c'], 1, { confirm: 'received' })
    expect(seen.sort()).toEqual(['b', 'c'])
    const some = a.orders.send(['b', 'nobody'], 1)
    await expect(some).rejects.toMatchObject({
      code: 'ERR_NODOSUM_PEER_UNKNOWN',
      message:
        'not sent to 1 of 2 nodes (nobody); ' +
        'the first because: no living member of the cluster is called nobody; node.members() lists those there are',
      details: { failed: ['nobody'] },
    })
  })

  it('to any node and to the owner of a key finds one', async () => {
    const { cluster, a, b } = twoNodes()
    const keys: unknown[] = []
    for (const node of [a, b]) node.orders.onMessage((_payload, { key }) => void keys.push(key))
    await a.orders.send({ kind: 'any', key: null }, 1, { confirm: 'received' })
    await a.orders.send({ kind: 'owner', key: 'tea' }, 1, { confirm: 'received' })
    expect(keys).toEqual([null, 'tea'])
    expect(cluster.candidates('orders')).toEqual(['a', 'b'])
    const nobody = a.service.application('nothing').send({ kind: 'any', key: null }, 1)
    await expect(nobody).rejects.toMatchObject({ code: 'ERR_NODOSUM_NO_TARGET' })
    const long = a.orders.send({ kind: 'owner', key: 'x'.repeat(2_000) }, 1)
    await expect(long).rejects.toMatchObject({ code: 'ERR_NODOSUM_CONFIG_INVALID' })
  })

  it('to oneself works like to any other', async () => {
    const { a } = twoNodes()
    const seen: unknown[] = []
    a.orders.onMessage((payload) => void seen.push(payload))
    await a.orders.send('a', { sku: 'tea' }, { confirm: 'handled' })
    expect(seen).toEqual([{ sku: 'tea' }])
    expect(a.counts).toMatchObject({ accepted: 1, delivered: 1, received: 1 })
  })
})

describe('a message is refused before it is accepted', () => {
  it('when nobody has that id, or it is none', async () => {
    const { a } = twoNodes()
    await expect(a.orders.send('nobody', 1)).rejects.toMatchObject({
      code: 'ERR_NODOSUM_PEER_UNKNOWN',
    })
    expect(a.orders.trySend('nobody', 1)).toBe('ERR_NODOSUM_PEER_UNKNOWN')
    expect(() => a.orders.trySend('not an id', 1)).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_CONFIG_INVALID' }),
    )
  })

  it('when there is no session yet, by trySend only; send waits for it', async () => {
    const { a, b } = twoNodes()
    const seen: unknown[] = []
    b.orders.onMessage((payload) => void seen.push(payload))
    expect(a.orders.trySend('b', 1)).toBe('ERR_NODOSUM_NOT_CONNECTED')
    await settle()
    expect(a.orders.trySend('b', 2)).toBe('accepted')
    await a.orders.send('b', 3, { confirm: 'received' })
    expect(seen).toEqual([2, 3])
  })

  it('when there is no session in time', async () => {
    const { cluster, a } = twoNodes()
    cluster.unreachable = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'nobody there')
    const outcome = a.orders.send('b', 1, { timeoutMs: 1_000 }).catch((error: unknown) => error)
    for (let turn = 0; turn < 11; turn++) {
      await settle()
      cluster.scheduler.runFor(100)
    }
    expect(await outcome).toMatchObject({
      code: 'ERR_NODOSUM_NOT_CONNECTED',
      cause: cluster.unreachable,
    })
    expect(a.counts).toMatchObject({ accepted: 0, refused: 1 })
  })

  it('when it is too large, or has no plain form', async () => {
    const { a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    const large = a.orders.send('b', new Uint8Array(1_048_577))
    await expect(large).rejects.toMatchObject({ code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' })
    await expect(a.orders.send('b', () => 1)).rejects.toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
    })
    expect(a.orders.trySend('b', new Uint8Array(1_048_577))).toBe('ERR_NODOSUM_MESSAGE_TOO_LARGE')
    expect(a.counts.accepted).toBe(0)
  })

  it('when there is no room: trySend at once, send after its time', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 1, { confirm: 'received' })
    Object.assign(cluster.wire, { holds: true, roomBytes: 100 })
    let accepted = 0
    while (a.orders.trySend('b', new Uint8Array(10)) === 'accepted') accepted += 1
    expect(accepted).toBe(9)
    expect(a.orders.trySend('b', new Uint8Array(10))).toBe('ERR_NODOSUM_BACKPRESSURE')
    const outcome = a.orders
      .send('b', new Uint8Array(10), { timeoutMs: 500 })
      .catch((error: unknown) => error)
    await settle()
    cluster.scheduler.runFor(500)
    expect(await outcome).toMatchObject({ code: 'ERR_NODOSUM_BACKPRESSURE' })
    expect(a.counts).toMatchObject({ accepted: 10, refused: 3 })
  })

  it('when too many are not confirmed, or wait already', async () => {
    const { cluster, a, b } = twoNodes({ inFlightMax: 5, waitingSendsMax: 2 })
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 0, { confirm: 'received' })
    cluster.wire.holds = true
    for (let number = 1; number <= 5; number++)
      expect(a.orders.trySend('b', number)).toBe('accepted')
    expect(a.orders.trySend('b', 6)).toBe('ERR_NODOSUM_BACKPRESSURE')
    const waiting = [a.orders.send('b', 7), a.orders.send('b', 8)]
    await expect(a.orders.send('b', 9)).rejects.toMatchObject({ code: 'ERR_NODOSUM_LIMIT_PENDING' })
    // Who comes later waits behind them, also by trySend.
    expect(a.orders.trySend('b', 10)).toBe('ERR_NODOSUM_BACKPRESSURE')
    cluster.wire.holds = false
    cluster.end(a, b).wake()
    await Promise.all(waiting)
    await until(() => a.counts.inFlight === 0)
    expect(a.counts).toMatchObject({ accepted: 8, delivered: 8 })
  })

  it('when a larger one waits before it: a small one does not slip past', async () => {
    const { cluster, a, b } = twoNodes()
    const seen: number[] = []
    b.orders.onMessage((payload) => void seen.push((payload as Uint8Array).length))
    await a.orders.send('b', new Uint8Array(1), { confirm: 'received' })
    Object.assign(cluster.wire, { holds: true, roomBytes: 100 })
    expect(a.orders.trySend('b', new Uint8Array(80))).toBe('accepted')
    const large = a.orders.send('b', new Uint8Array(50))
    expect(a.orders.trySend('b', new Uint8Array(2))).toBe('ERR_NODOSUM_BACKPRESSURE')
    const small = a.orders.send('b', new Uint8Array(3))
    await settle()
    cluster.wire.holds = false
    cluster.end(a, b).wake()
    await Promise.all([large, small])
    await until(() => seen.length === 4)
    expect(seen).toEqual([1, 80, 50, 3])
  })

  it('when its signal aborts', async () => {
    const { cluster, a } = twoNodes()
    cluster.unreachable = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', 'nobody there')
    const controller = new AbortController()
    const sent = a.orders.send('b', 1, { signal: controller.signal })
    const outcome = sent.catch((error: unknown) => error)
    controller.abort()
    expect(await outcome).toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
    const late = a.orders.send('b', 1, { signal: controller.signal })
    await expect(late).rejects.toMatchObject({ code: 'ERR_NODOSUM_CANCELLED' })
  })
})

describe('the class of a lane', () => {
  it('reaches the session that opens it, and is interactive unless told', async () => {
    const { cluster, a, b } = twoNodes()
    b.orders.onMessage(() => undefined)
    await a.orders.send('b', 1, { confirm: 'received' })
    await a.orders.lane('audit').send('b', 1, { confirm: 'received' })
    await a.orders.lane('copies', { class: 'bulk' }).send('b', 1, { confirm: 'received' })
    await a.orders.lane('nightly', { class: 'scheduled' }).send('b', 1, { confirm: 'received' })
    expect(cluster.end(a, b).opened).toEqual([
      'default interactive',
      'audit interactive',
      'copies bulk',
      'nightly scheduled',
    ])
  })

  it('holds from the first use on', () => {
    const { a } = twoNodes()
    const copies = a.orders.lane('copies', { class: 'bulk' })
    expect(a.orders.lane('copies')).toBe(copies)
    expect(a.orders.lane('copies', { class: 'bulk' })).toBe(copies)
    a.orders.lane('audit')
    const clashes = [
      () => a.orders.lane('copies', { class: 'interactive' }),
      () => a.orders.lane('audit', { class: 'bulk' }),
      // What application.send uses.
      () => a.orders.lane('default', { class: 'bulk' }),
    ]
    for (const clash of clashes) {
      expect(clash).toThrow(expect.objectContaining({ code: 'ERR_NODOSUM_CONFIG_INVALID' }))
    }
    expect(clashes[0]).toThrow(/lane 'copies' of application orders is bulk from its first use/)
  })
})

describe('limits of registration', () => {
  it('applications and lanes are refused past them', () => {
    const { a } = twoNodes({ applicationsMax: 2, lanesMax: 1 })
    a.service.application('one')
    const two = a.service.application('two')
    expect(() => a.service.application('three')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_LIMIT_PENDING' }),
    )
    expect(two.lane('x')).toBe(two.lane('x'))
    expect(() => two.lane('y')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_LIMIT_STREAMS' }),
    )
    expect(() => a.service.application('no spaces')).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_CONFIG_INVALID' }),
    )
  })
})
