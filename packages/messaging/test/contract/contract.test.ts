import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contract, isImplementation, message, request, streaming } from '../../src/index.ts'
import { TestCluster } from '../cluster.ts'
import { shop, shopHandlers } from './shop.ts'

const text = z.string()

function problem(make: () => unknown): { code?: string; message: string } {
  try {
    make()
  } catch (error) {
    return error as { code: string; message: string }
  }
  return { message: 'none' }
}

describe('a contract', () => {
  it.each<[string, () => unknown, string]>([
    ['no schema', () => request({ input: {} as never, output: text }), 'input has to be a schema'],
    ['no output', () => request({ input: text } as never), 'output has to be a schema'],
    [
      'a schema of another version',
      () => message({ payload: { '~standard': { version: 2, validate: () => 1 } } as never }),
      'payload has to be a schema',
    ],
    ['an unknown part', () => message({ payload: text, output: text } as never), 'no part output'],
    [
      'a code in small letters',
      () => request({ input: text, output: text, errors: { sold_out: text } }),
      'the code of an error is 1 to 64 of A-Z 0-9 _',
    ],
    [
      "a code of the library's own",
      () => streaming({ input: text, item: text, errors: { ERR_NODOSUM_X: text } }),
      'does not begin with ERR_NODOSUM',
    ],
    [
      'too many errors',
      () => {
        const many = Array.from({ length: 65 }, (_, index) => [`E${index}`, text])
        return request({ input: text, output: text, errors: Object.fromEntries(many) })
      },
      '65 errors; a method declares at most 64',
    ],
    [
      'an id with a space',
      () => contract('my shop', { a: message({ payload: text }) }),
      'position 3',
    ],
    [
      "an id of the library's own",
      () => contract('nodosum.x', { a: message({ payload: text }) }),
      'names that begin with "nodosum." are taken',
    ],
    ['no methods', () => contract('shop', {}), 'has 0 methods; a contract has 1 to 256'],
    [
      'too many methods',
      () => {
        const many = Array.from({ length: 257 }, (_, at) => [`m${at}`, message({ payload: text })])
        return contract('shop', Object.fromEntries(many))
      },
      'has 257 methods',
    ],
    [
      'a method called then, which would make it a promise',
      () => contract('shop', Object.fromEntries([['then', message({ payload: text })]])),
      '"then": a method is named',
    ],
    [
      'a method called __proto__',
      () => contract('shop', { ['__proto__']: message({ payload: text }) }),
      '"__proto__": a method is named',
    ],
    [
      'a name that is too long',
      () => contract('shop', { ['m'.repeat(65)]: message({ payload: text }) }),
      'a string of 65 characters: a method is named',
    ],
    [
      'a bare schema as method',
      () => contract('shop', { reserve: text as never }),
      'reserve is made with request(), message() or streaming()',
    ],
  ])('with %s is refused', (_title, make, words) => {
    const { code, message: said } = problem(make)
    expect(code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(said).toContain(words)
  })

  it('takes schemas that are functions', () => {
    const callable = Object.assign(() => undefined, {
      '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) },
    } as const)
    expect(contract('shop', { placed: message({ payload: callable }) }).placed.kind).toBe('message')
  })

  it('makes no error that it does not declare', () => {
    const { code, message: said } = problem(() => shop.reserve.error('LOST' as never, 1 as never))
    expect([code, said]).toEqual([
      'ERR_NODOSUM_CONFIG_INVALID',
      'shop.reserve declares no error "LOST"',
    ])
  })
})

describe('implement', () => {
  it('names every handler that is missing, wrong or too many, at once', () => {
    const { reserve, ...others } = shopHandlers()
    const handlers = { ...others, told: 7, cancel: reserve } as never
    const { code, message: said } = problem(() => shop.implement(handlers))
    expect(code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(said).toBe(
      'shop.implement(handlers): reserve has no handler; told is 7, no function; ' +
        'the contract has no method cancel',
    )
    expect(problem(() => shop.implement(undefined as never)).message).toContain('not undefined')
  })

  it('keeps `this` of the object that it is given', async () => {
    class Till {
      readonly sold: string[] = []
      placed({ id }: { id: string }): void {
        this.sold.push(id)
      }
    }
    const till = new Till()
    const orders = contract('orders', { placed: message({ payload: z.object({ id: text }) }) })
    const cluster = new TestCluster()
    const [a, b] = [cluster.node('a'), cluster.node('b')]
    b.service.implement(orders.implement(till))
    await a.service.calls.send(orders.placed, { id: '1' }, { confirm: 'handled' })
    expect(till.sold).toEqual(['1'])
  })

  it('of one contract is taken once by a node', () => {
    const node = new TestCluster().node('a')
    const made = shop.implement(shopHandlers())
    expect([isImplementation(made), isImplementation({ ...made })]).toEqual([true, false])
    node.service.implement(made)
    expect(problem(() => node.service.implement(shop.implement(shopHandlers())))).toMatchObject({
      code: 'ERR_NODOSUM_CONFIG_INVALID',
      message: 'contract shop is implemented twice on this node: implement it once',
    })
  })
})
