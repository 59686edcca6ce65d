import { inspect } from 'node:util'
import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { settle, TestCluster, type TestNode } from '../cluster.ts'

/** What a wrong call is answered with, at once; whatever it throws or rejects with. */
async function answerOf(call: (node: TestNode) => unknown): Promise<string> {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  b.orders.onMessage(() => undefined).onRequest(() => 'reply')
  await cluster.ensure(a, 'b')
  const answer = Promise.resolve()
    .then(() => call(a))
    .then(
      (value) => `resolved to ${value}`,
      (error: unknown) =>
        isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID') ? error.message : `raw ${error}`,
    )
  await settle()
  const inTime = await Promise.race([answer, settle().then(() => 'nothing at once')])
  expect(cluster.scheduler.pendingTimers).toBe(0)
  if (inTime !== 'resolved to reply') expect(a.counts.accepted).toBe(0)
  return inTime
}

/** What JavaScript can pass where TypeScript would complain. */
const any = (value: unknown): never => value as never

const send = 'send(to, payload, options)'
const request = 'request(to, payload, options)'
const broadcast = 'broadcast(payload, options)'

describe('a wrong option of a call is refused at once, with what was meant:', () => {
  it.each<[string, (node: TestNode) => unknown, string]>([
    [
      'request timeout',
      ({ orders }) => orders.request('b', 1, any({ timeout: 5 })),
      `${request} has no option 'timeout'; did you mean 'timeoutMs'`,
    ],
    [
      'request confirm',
      ({ orders }) => orders.request('b', 1, any({ confirm: 'handled' })),
      `${request} has no option 'confirm'; it takes { timeoutMs, signal, idempotent, attemptsMax, headers }`,
    ],
    [
      'request idempotent',
      ({ orders }) => orders.request('b', 1, any({ idempotent: 'yes' })),
      `${request} idempotent takes true or false, not "yes"`,
    ],
    [
      'request -1 ms',
      ({ orders }) => orders.request('b', 1, { timeoutMs: -1 }),
      `${request} timeoutMs takes a number of milliseconds from 1 to 86400000, not -1`,
    ],
    ['request 0 ms', ({ orders }) => orders.request('b', 1, { timeoutMs: 0 }), 'not 0'],
    ['request "5" ms', ({ orders }) => orders.request('b', 1, any({ timeoutMs: '5' })), 'not "5"'],
    [
      'request forever',
      ({ orders }) => orders.request('b', 1, { timeoutMs: Number.POSITIVE_INFINITY }),
      `${request} timeoutMs takes a number of milliseconds from 1 to 86400000, not Infinity`,
    ],
    [
      'request NaN ms',
      ({ orders }) => orders.request('b', 1, { timeoutMs: Number.NaN }),
      `${request} timeoutMs takes a number of milliseconds from 1 to 86400000, not NaN`,
    ],
    [
      'request signal',
      ({ orders }) => orders.request('b', 1, any({ signal: 5 })),
      `${request} signal takes an AbortSignal`,
    ],
    [
      'request a number',
      ({ orders }) => orders.request('b', 1, any(500)),
      `${request} takes its options as an object`,
    ],
    [
      'send confirm',
      ({ orders }) => orders.send('b', 1, any({ confirm: 'handeld' })),
      `${send} confirm takes 'accepted', 'received' or 'handled', not "handeld"`,
    ],
    [
      'send confrm',
      ({ orders }) => orders.send('b', 1, any({ confrm: 'handled' })),
      `${send} has no option 'confrm'; did you mean 'confirm'`,
    ],
    [
      'send NaN ms',
      ({ orders }) => orders.send('b', 1, { timeoutMs: Number.NaN }),
      `${send} timeoutMs takes`,
    ],
    [
      'send signal',
      ({ orders }) => orders.send('b', 1, any({ signal: 5 })),
      `${send} signal takes an AbortSignal`,
    ],
    [
      'send null',
      ({ orders }) => orders.send('b', 1, any(null)),
      `${send} takes its options as an object`,
    ],
    [
      'a lane',
      ({ orders }) => orders.lane('x').send('b', 1, any({ timeout: 5 })),
      `${send} has no option 'timeout'`,
    ],
    [
      'a class that is none',
      ({ orders }) => orders.lane('x', any({ class: 'buk' })),
      "lane(name, options) class takes 'interactive', 'bulk' or 'scheduled', not \"buk\"",
    ],
    [
      'an option that no lane has',
      ({ orders }) => orders.lane('x', any({ klass: 'bulk' })),
      "lane(name, options) has no option 'klass'; did you mean 'class'",
    ],
    [
      'broadcast confrm',
      ({ orders }) => orders.broadcast(1, any({ confrm: 'handled' })),
      `${broadcast} has no option 'confrm'; did you mean 'confirm'`,
    ],
    [
      'broadcast self',
      ({ orders }) => orders.broadcast(1, any({ includeSelf: 1 })),
      `${broadcast} includeSelf takes true or false, not 1`,
    ],
    [
      'broadcast signal',
      ({ orders }) => orders.broadcast(1, any({ signal: 5 })),
      `${broadcast} signal takes an AbortSignal`,
    ],
  ])('%s', async (_what, call, expected) => {
    expect(await answerOf(call)).toContain(expected)
  })

  it('what is undefined counts as not given', async () => {
    const options = { timeoutMs: undefined, signal: undefined, idempotent: undefined }
    expect(await answerOf(({ orders }) => orders.request('b', 1, options))).toBe(
      'resolved to reply',
    )
  })
})

describe('a wrong target is refused at once, with what to do:', () => {
  function anyNode(): object {
    return { kind: 'any', key: null }
  }
  function ownerOf(key: unknown): object {
    return { kind: 'owner', key }
  }
  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      "to is undefined; it takes a node id, a list of node ids, anyNode(), nearest() or ownerOf('key')",
    ],
    ['null', null, 'to is null; it takes a node id'],
    ['a number', 5, 'to is 5; it takes a node id'],
    ['a member', { nodeId: 'b', state: 'alive' }, 'to is a member: pass its nodeId'],
    ['a node', { id: 'b', members: () => [] }, 'to is an object with an id: pass the id'],
    ['a promise', Promise.resolve('b'), 'to is a Promise: await it first'],
    ['another object', { name: 'b' }, 'to is an object; it takes a node id'],
    ['anyNode', anyNode, 'to is a function: call it, anyNode()'],
    ['ownerOf', ownerOf, "to is a function: call it, ownerOf('key')"],
    ['an unnamed function', () => 'b', 'to is a function: call it, it()'],
    [
      'no key',
      ownerOf(undefined),
      'the key of ownerOf has to be a string of at most 1024 bytes, not undefined',
    ],
    ['a number as key', ownerOf(5), 'at most 1024 bytes, not 5'],
    ['a long key', ownerOf('x'.repeat(1_025)), 'at most 1024 bytes, not 1025 bytes'],
    ['another rule', { kind: 'farthest', key: null }, "to.kind takes 'any', 'nearest' or 'owner'"],
    ['an empty list', [], 'got an empty list as to: nobody would be asked'],
    ['a list of members', ['b', { nodeId: 'b' }], 'to[1] is a member: pass its nodeId'],
    ['a list of rules', [anyNode()], 'to[0] is an object; it takes a node id'],
    ['a list with no id', ['b', 'no spaces'], 'to[1]: "no spaces" has " " at position 3'],
    ['no id', 'no spaces', 'to: "no spaces" has " " at position 3'],
  ])('%s', async (_what, to, expected) => {
    const asked = await answerOf(({ orders }) => orders.request(any(to), 1))
    const sent = await answerOf(({ orders }) => orders.send(any(to), 1))
    expect([asked, sent]).toEqual([
      expect.stringContaining(expected),
      expect.stringContaining(expected),
    ])
    if (to !== 'no spaces') expect(asked.replace('request', 'send')).toBe(sent)
  })

  it.each<[unknown, string]>([
    [undefined, 'trySend(to, payload): to is undefined'],
    [{ nodeId: 'b' }, 'trySend(to, payload): to is a member: pass its nodeId'],
    [['b'], 'trySend(to, payload) takes one node id as to, not an array of 1: use send for others'],
    [{ kind: 'any', key: null }, 'takes one node id as to, not an object: use send for others'],
    ['no spaces', 'to: "no spaces" has " " at position 3'],
  ])('trySend to %o', async (to, expected) => {
    expect(await answerOf(({ orders }) => orders.trySend(any(to), 1))).toContain(expected)
  })
})

describe('a wrong handler is refused:', () => {
  it.each<[string, (node: TestNode) => unknown, string]>([
    [
      'a number',
      ({ orders }) => orders.onRequest(any(5)),
      'onRequest(handler) takes a function, which returns the reply or a promise of it, not 5',
    ],
    [
      'nothing',
      ({ orders }) => orders.onMessage(any(undefined)),
      'onMessage(handler) takes a function, which is given payload and context, not undefined',
    ],
    [
      'a second one for requests',
      ({ orders }) => orders.onRequest(() => 1).onRequest(() => 2),
      'onRequest(handler): application orders has a handler already',
    ],
    [
      'a second one for messages',
      ({ orders }) => orders.onMessage(() => {}).onMessage(() => {}),
      'onMessage(handler): application orders has a handler already',
    ],
  ])('%s', async (_what, call, expected) => {
    expect(await answerOf(call)).toContain(expected)
  })

  it('and the first one stays', async () => {
    const cluster = new TestCluster()
    const a = cluster.node('a')
    a.orders.onRequest(() => 'first')
    expect(() => a.orders.onRequest(() => 'second')).toThrow()
    expect(await a.orders.request('a', 1)).toBe('first')
  })
})

describe('console.log', () => {
  it('of an application and of a lane is one short line', async () => {
    const { orders } = new TestCluster().node('a')
    expect(inspect(orders)).toBe("Application { id: 'orders' }")
    expect(inspect(orders.lane('audit'))).toBe("Lane { application: 'orders', name: 'audit' }")
    expect(inspect({ orders })).toBe("{ orders: Application { id: 'orders' } }")
    expect(`${orders}`).toBe("Application { id: 'orders' }")
  })
})
