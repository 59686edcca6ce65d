import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  ContractError,
  contract,
  type MessagingOptions,
  message,
  request,
  type Schema,
} from '../../src/index.ts'
import { failure, gate, settle, TestCluster, type TestNode, until } from '../cluster.ts'
import { type ShopHandlers, shop, shopHandlers } from './shop.ts'

interface Pair {
  readonly cluster: TestCluster
  readonly a: TestNode
  readonly b: TestNode
  readonly calls: TestNode['service']['calls']
}

/** Node b runs the shop, node a calls it. */
function pair(handlers: Partial<ShopHandlers> = {}, options: Partial<MessagingOptions> = {}): Pair {
  const cluster = new TestCluster()
  const [a, b] = [cluster.node('a', options), cluster.node('b', options)]
  b.service.implement(shop.implement(shopHandlers(handlers)))
  return { cluster, a, b, calls: a.service.calls }
}

describe('a request by contract', () => {
  it('gives the handler what the schema makes of the input, and the caller of the reply', async () => {
    const got: unknown[] = []
    const { calls } = pair({
      reserve: (input) => {
        got.push(input)
        return { id: 'r1', at: 'noon' }
      },
    })
    // Transforms run on the receiver: the default at the handler, the length at the caller.
    expect(await calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' })).toEqual({
      id: 'r1',
      at: 4,
    })
    expect(got).toEqual([{ sku: 'tea', quantity: 1 }])
  })

  it('goes to any node that runs the application unless told', async () => {
    const { calls, b } = pair()
    expect(b.applications).toEqual(['shop'])
    expect(await calls.request(shop.reserve, { sku: 'tea' })).toEqual({ id: 'tea', at: 4 })
    const owner = { kind: 'owner', key: 'tea' } as const
    expect(await calls.request(shop.reserve, { sku: 'tea' }, { to: owner })).toMatchObject({
      at: 4,
    })
  })

  it('whose input does not fit never leaves, and names the path of each issue', async () => {
    const { a, b, calls } = pair()
    const wrong = { sku: 7, quantity: 1.5 } as never
    const error = await failure(calls.request(shop.reserve, wrong, { to: 'b' }))
    if (!isNodosumError(error, 'ERR_NODOSUM_PAYLOAD_INVALID')) throw error
    expect(error.message).toMatch(
      /^input does not fit shop\.reserve: input\.sku: .*; input\.quantity: /,
    )
    expect(error.details.issues).toEqual([
      expect.stringMatching(/^input\.sku: /),
      expect.stringMatching(/^input\.quantity: /),
    ])
    expect(a.service.snapshot().shop?.accepted ?? 0).toBe(0)
    expect(b.service.snapshot().shop?.received).toBe(0)
  })

  it('that arrives and does not fit is refused before the handler starts', async () => {
    let calledWith: unknown = null
    const { a, b } = pair({
      reserve: (input) => {
        calledWith = input
        return { id: '', at: '' }
      },
    })
    // As a node with another version of the contract would.
    const application = a.service.application('shop')
    const sent = application.request('b', { sku: [] }, undefined, 'reserve')
    const error = await failure(sent)
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      details: { node: 'b', issues: [expect.stringMatching(/^input\.sku: /)] },
    })
    expect(calledWith).toBeNull()
    expect(a.service.snapshot().shop).toMatchObject({ accepted: 1, rejected: 1, delivered: 0 })
    expect(b.service.snapshot().shop?.handlerErrors).toBe(0)
  })

  it('whose reply does not fit is an error of the handler, not of the caller', async () => {
    const { b, calls } = pair({ reserve: () => ({ id: 5 }) as never })
    const error = await failure(calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' }))
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'ERR_NODOSUM_PAYLOAD_INVALID' },
    })
    expect((error as Error).message).toContain('reply.id: ')
    expect(b.service.snapshot().shop?.handlerErrors).toBe(1)
  })

  it('whose reply does not fit the contract of the caller says so', async () => {
    const cluster = new TestCluster()
    const [a, b] = [cluster.node('a'), cluster.node('b')]
    const reserve = { input: z.unknown(), output: z.unknown() }
    const older = contract('shop', { reserve: request(reserve) })
    b.service.implement(older.implement({ reserve: () => ({ id: 'r', at: 9 }) }))
    const error = await failure(a.service.calls.request(shop.reserve, { sku: 'x' }, { to: 'b' }))
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      details: { issues: [expect.stringMatching(/^reply\.at: /)] },
    })
  })

  it('rejects with a declared error, its code and its data', async () => {
    const { a, b, calls } = pair({
      reserve: () => {
        throw shop.reserve.error('OUT_OF_STOCK', { left: 2 }, 'only two')
      },
    })
    const error = await failure(calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' }))
    expect(error).toBeInstanceOf(ContractError)
    expect(shop.reserve.isError(error, 'OUT_OF_STOCK')).toBe(true)
    expect(shop.reserve.isError(error, 'CLOSED')).toBe(false)
    expect(shop.reserve.isError(error)).toBe(true)
    expect(shop.count.isError(error)).toBe(false)
    expect(error).toMatchObject({
      name: 'ContractError',
      code: 'OUT_OF_STOCK',
      data: { left: 2 },
      message: 'only two',
      application: 'shop',
      method: 'reserve',
      node: 'b',
    })
    // An answer, and no failure of the handler.
    expect(a.service.snapshot().shop).toMatchObject({ delivered: 1, rejected: 0 })
    expect(b.service.snapshot().shop?.handlerErrors).toBe(0)
    expect(b.logged).toEqual([])
  })

  it('rejects with what else the handler threw as remote error, with its code and cause', async () => {
    const { calls } = pair({
      reserve: () => {
        throw Object.assign(new TypeError('disk'), { code: 'EIO' })
      },
    })
    const error = await failure(calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' }))
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_REMOTE_ERROR',
      details: { remoteCode: 'EIO', remoteName: 'TypeError' },
      cause: { name: 'TypeError', message: 'disk', code: 'EIO' },
    })
  })

  it.each([
    [
      'with data that does not fit',
      () => shop.reserve.error('OUT_OF_STOCK', { left: 'x' } as never),
    ],
    ['of another method', () => shop.count.error('STOPPED', 'x')],
    ['with a code that looks declared', () => Object.assign(new Error('x'), { code: 'CLOSED' })],
  ])('takes no error for declared %s', async (_title, make) => {
    const { calls } = pair({
      reserve: async () => {
        throw make()
      },
    })
    const error = await failure(calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' }))
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_REMOTE_ERROR' })
    expect(shop.reserve.isError(error)).toBe(false)
  })

  it('of a method that the other node does not have is refused', async () => {
    const { calls } = pair()
    const newer = contract('shop', {
      cancel: request({ input: z.string(), output: z.null() }),
      placed: request({ input: z.string(), output: z.null() }),
    })
    expect(await failure(calls.request(newer.cancel, 'r1', { to: 'b' }))).toMatchObject({
      code: 'ERR_NODOSUM_NO_HANDLER',
      message: 'b: shop has no method cancel on this node',
    })
    expect(await failure(calls.request(newer.placed, 'r1', { to: 'b' }))).toMatchObject({
      code: 'ERR_NODOSUM_NO_HANDLER',
      message: 'b: shop.placed is a message, no request',
    })
  })

  it('leaves the untyped handlers of the application alone', async () => {
    const { a, b, calls } = pair()
    b.service.application('shop').onRequest((payload) => `untyped ${payload}`)
    expect(await a.service.application('shop').request('b', 1)).toBe('untyped 1')
    expect(await calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' })).toMatchObject({ at: 4 })
  })

  it('waits for no schema beyond its time', async () => {
    const { cluster, calls } = pair()
    const never: Schema<string> = {
      '~standard': { version: 1, vendor: 'by hand', validate: () => new Promise(() => undefined) },
    }
    const stuck = contract('shop', { reserve: request({ input: never, output: never }) })
    const asked = failure(calls.request(stuck.reserve, 'x', { to: 'b', timeoutMs: 500 }))
    await settle()
    cluster.scheduler.runFor(500)
    expect(await asked).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      message: expect.stringContaining('input: its schema did not answer within 500 ms'),
    })
  })

  it('takes a schema that throws for one that refuses', async () => {
    const { calls } = pair()
    const broken: Schema<string> = {
      '~standard': {
        version: 1,
        vendor: 'by hand',
        validate: () => {
          throw new RangeError('too much')
        },
      },
    }
    const stuck = contract('shop', { reserve: request({ input: broken, output: broken }) })
    expect(await failure(calls.request(stuck.reserve, 'x'))).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      message: expect.stringContaining('input: its schema threw: too much'),
    })
  })

  it('gives the handler the calls of its own node', async () => {
    const { a, b, calls } = pair({
      reserve: async ({ sku }, { node }) => {
        await node.send(shop.placed, { id: sku, lines: [] }, { to: 'a', confirm: 'handled' })
        return { id: sku, at: '' }
      },
    })
    const placed: unknown[] = []
    a.service.implement(
      shop.implement(shopHandlers({ placed: (order) => void placed.push(order) })),
    )
    await calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' })
    expect(placed).toEqual([{ id: 'tea', lines: [] }])
    expect(b.service.snapshot().shop).toMatchObject({ accepted: 1, delivered: 1 })
  })
})

describe('a message by contract', () => {
  it('is sent, confirmed and broadcast, over the lane that it is told', async () => {
    const got: unknown[] = []
    const { calls } = pair({
      placed: ({ id }, { lane, from }) => void got.push([id, lane, from]),
    })
    await calls.send(shop.placed, { id: '1', lines: [] }, { to: 'b', confirm: 'handled' })
    await calls.send(shop.placed, { id: '2', lines: [] }, { lane: 'audit', confirm: 'received' })
    const outcomes = await calls.broadcast(
      shop.placed,
      { id: '3', lines: [] },
      { confirm: 'handled' },
    )
    expect([...outcomes]).toEqual([['b', { status: 'delivered' }]])
    await calls.send(shop.placed, { id: '4', lines: [] }, { to: ['b'], confirm: 'handled' })
    expect(got).toEqual([
      ['1', 'default', 'a'],
      ['2', 'audit', 'a'],
      ['3', 'default', 'a'],
      ['4', 'default', 'a'],
    ])
  })

  it('that arrives and does not fit is rejected, and undelivered hears of it', async () => {
    const { a, b } = pair()
    const application = a.service.application('shop')
    const wrong = { id: '1', lines: [{ sku: 'tea' }, { sku: 2 }] }
    const error = await failure(application.send('b', wrong, { confirm: 'received' }, 'placed'))
    expect(error).toMatchObject({
      code: 'ERR_NODOSUM_PAYLOAD_INVALID',
      details: { issues: [expect.stringMatching(/^payload\.lines\[1\]\.sku: /)] },
    })
    expect(a.service.snapshot().shop).toMatchObject({ accepted: 1, rejected: 1, inFlight: 0 })
    expect(a.undelivered).toMatchObject([{ code: 'ERR_NODOSUM_PAYLOAD_INVALID', to: 'b' }])
    expect(b.service.snapshot().shop?.handlerErrors).toBe(0)
  })

  it('starts in the order in which it was sent, however long its schema takes', async () => {
    const got: unknown[] = []
    const { a } = pair({ told: (length) => void got.push(length) })
    const application = a.service.application('shop')
    // The longer texts are judged first.
    const texts = ['', 'aaaa', 'aaaaaaaa', 'aa', 'aaaaaaaaaa']
    const sends = texts.map((text) => application.send('b', text, { confirm: 'handled' }, 'told'))
    await Promise.all(sends)
    expect(got).toEqual([0, 4, 8, 2, 10])
  })

  it('whose asynchronous schema refuses it is told to who waits for it', async () => {
    const { a } = pair()
    const application = a.service.application('shop')
    const error = await failure(application.send('b', 7, { confirm: 'handled' }, 'told'))
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_PAYLOAD_INVALID' })
  })

  it('that runs holds up no other lane and no later message of its own', async () => {
    const { opened, open } = gate()
    const got: number[] = []
    const { a } = pair({
      told: async (length) => {
        got.push(length)
        if (length === 1) await opened
      },
    })
    const application = a.service.application('shop')
    const first = application.send('b', 'a', { confirm: 'handled' }, 'told')
    const second = application.send('b', 'aa', { confirm: 'handled' }, 'told')
    await second
    expect(got).toEqual([1, 2])
    open()
    await first
  })
})

describe('a call that is wrong', () => {
  const order = { id: '1', lines: [] }
  it.each<[string, (calls: Pair['calls']) => Promise<unknown>, string]>([
    [
      'with a method of another kind',
      (calls) => calls.request(shop.placed as never, order as never),
      'node.request(method, input, options) takes a request; shop.placed is a message',
    ],
    [
      'with a definition',
      (calls) => calls.send(message({ payload: z.string() }) as never, 'x' as never),
      'takes a method of a contract, such as shop.reserve, not a definition without a contract',
    ],
    [
      'with a string',
      (calls) => calls.broadcast('shop.placed' as never, order as never),
      'takes a method of a contract, such as shop.reserve, not "shop.placed"',
    ],
    [
      'with an option that there is not',
      (calls) => calls.send(shop.placed, order, { timeout: 5 } as never),
      "has no option 'timeout'; did you mean 'timeoutMs'",
    ],
    [
      'with an empty list of nodes',
      (calls) => calls.request(shop.reserve, { sku: 'x' }, { to: [] }),
      'got an empty list as to',
    ],
    [
      'with idempotent, which the contract says',
      (calls) => calls.request(shop.reserve, { sku: 'x' }, { idempotent: true } as never),
      "has no option 'idempotent'",
    ],
  ])('is refused: %s', async (_title, call, words) => {
    const error = await failure(call(pair().calls))
    expect(error).toMatchObject({ code: 'ERR_NODOSUM_CONFIG_INVALID' })
    expect((error as Error).message).toContain(words)
  })

  it('of an idempotent method is sent again after an unknown outcome', async () => {
    let runs = 0
    const { cluster, a, b, calls } = pair({
      reserve: async ({ sku }) => {
        runs += 1
        if (runs === 1) await new Promise(() => undefined)
        return { id: sku, at: '' }
      },
    })
    const asked = calls.request(shop.reserve, { sku: 'tea' }, { to: 'b' })
    await until(() => runs === 1)
    cluster.cut(a, b)
    await settle()
    cluster.scheduler.runFor(100)
    expect(await asked).toMatchObject({ id: 'tea' })
    expect(runs).toBe(2)
  })
})
