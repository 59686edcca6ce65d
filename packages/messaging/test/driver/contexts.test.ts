import { describe, expect, it } from 'vitest'
import type { MessageContext } from '../../src/index.ts'
import { failure, settle, TestCluster, until } from '../cluster.ts'

function twoNodes(options: object = {}) {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  return { cluster, a, b }
}

describe('the context of a handler', () => {
  it('has the identity of the sender, the attempt and the headers', async () => {
    const { a, b } = twoNodes()
    const seen: MessageContext[] = []
    b.orders.onMessage((_payload, context) => void seen.push(context))
    b.orders.onRequest((_payload, context) => void seen.push(context))
    const headers = {
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      x: 'é',
    }
    await a.orders.send('b', 1, { headers, confirm: 'handled' })
    await a.orders.send(['b'], 1, { headers, confirm: 'handled' })
    await a.orders.send({ kind: 'owner', key: 'k' }, 1, { headers, confirm: 'handled' })
    await a.orders.broadcast(1, { headers, confirm: 'handled' })
    await a.orders.broadcast(1, { headers })
    await a.orders.request({ kind: 'owner', key: 'k' }, 1, { headers })
    await until(() => seen.length === 6)
    for (const context of seen) {
      expect(context).toMatchObject({
        from: 'a',
        identity: 'spiffe://test/nodosum/test/a',
        attempt: 1,
        redelivered: false,
      })
      expect({ ...context.headers }).toEqual(headers)
      expect(Object.isFrozen(context.headers)).toBe(true)
    }
    expect(seen.map(({ key }) => key)).toEqual([null, null, 'k', null, null, 'k'])
  })

  it('has no headers and no key unless the sender gave some', async () => {
    const { a, b } = twoNodes()
    let seen: MessageContext | undefined
    b.orders.onMessage((_payload, context) => {
      seen = context
    })
    await a.orders.send('b', 1, { confirm: 'handled' })
    expect(seen?.headers).toEqual({})
    expect(seen?.key).toBe(null)
  })
})

describe('headers', () => {
  it.each<[unknown, string]>([
    ['text', 'an object of at most 32 texts'],
    [{ a: 5 }, 'values of at most 1024 bytes'],
    [{ 'no space': 'x' }, 'names of 1 to 64 characters'],
    [{ '': 'x' }, 'names of 1 to 64 characters'],
    [{ ['x'.repeat(65)]: 'x' }, 'names of 1 to 64 characters'],
    [{ a: 'x'.repeat(1_025) }, 'values of at most 1024 bytes'],
    [Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`h${at}`, ''])), 'at most 32'],
  ])('are bounded: %j', async (headers, words) => {
    const { a, b } = twoNodes()
    b.orders.onMessage(() => undefined).onRequest(() => undefined)
    const options = { headers: headers as never }
    const errors = await Promise.all([
      failure(a.orders.send('b', 1, options)),
      failure(a.orders.request('b', 1, options)),
      failure(a.orders.broadcast(1, options)),
    ])
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'ERR_NODOSUM_CONFIG_INVALID',
        message: expect.stringContaining(words),
      })
    }
  })

  it('count against the size of a message', async () => {
    const { cluster, a, b } = twoNodes()
    cluster.wire.roomBytes = 10_000_000
    b.orders.onMessage(() => undefined)
    const payload = new Uint8Array(1_048_576 - 64)
    await a.orders.send('b', payload, { confirm: 'handled' })
    const large = failure(a.orders.send('b', payload, { headers: { a: 'b' }, confirm: 'handled' }))
    expect(await large).toMatchObject({ code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' })
    const outcomes = await a.orders.broadcast(payload, { headers: { a: 'b' } })
    expect(outcomes.get('b')).toMatchObject({ code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE' })
  })
})

describe('a broadcast', () => {
  it('to more nodes than it may go to is refused as a whole', async () => {
    const cluster = new TestCluster()
    const [a, ...others] = ['a', 'b', 'c', 'd', 'e'].map((id) => cluster.node(id))
    if (a === undefined) throw new Error('no node')
    for (const node of others) node.orders.onMessage(() => undefined)
    a.orders.configure({ broadcastMax: 3 })
    expect(await failure(a.orders.broadcast(1))).toMatchObject({
      code: 'ERR_NODOSUM_LIMIT_FAN_OUT',
      retryable: false,
      details: { nodes: 4, nodesMax: 3 },
    })
    expect(a.counts.accepted).toBe(0)
    a.orders.configure({ broadcastMax: 4 })
    expect((await a.orders.broadcast(1, { confirm: 'received' })).size).toBe(4)
  })

  it('waits for nobody’s room, also with a confirmation', async () => {
    const cluster = new TestCluster()
    const [a, b, c] = [cluster.node('a'), cluster.node('b'), cluster.node('c')]
    for (const node of [b, c]) node.orders.onMessage(() => undefined)
    await a.orders.broadcast(0, { confirm: 'received' })
    cluster.wire.holds = true
    cluster.wire.roomBytes = 50
    while (a.orders.trySend('b', new Uint8Array(10)) === 'accepted');
    const waiting = failure(a.orders.send('b', 'waits for room'))
    let outcomes: ReadonlyMap<string, unknown> | undefined
    void a.orders.broadcast(new Uint8Array(10), { confirm: 'handled' }).then((all) => {
      outcomes = all
    })
    await settle()
    cluster.wire.holds = false
    cluster.end(a, c).wake()
    await until(() => outcomes !== undefined)
    expect(outcomes?.get('b')).toMatchObject({
      status: 'refused',
      code: 'ERR_NODOSUM_BACKPRESSURE',
    })
    expect(outcomes?.get('c')).toEqual({ status: 'delivered' })
    cluster.scheduler.runFor(5_000)
    await waiting
  })
})
