import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  type ContractError,
  contract,
  type MessageContext,
  type Outcome,
  request,
  type Schema,
  type TypedCalls,
} from '../../src/index.ts'
import { shop } from './shop.ts'

// Never called: the compiler is the test, and `npm run check` runs it.
declare const calls: TypedCalls
type Handlers = Parameters<typeof shop.implement>[0]

describe('types of a contract', () => {
  it('take what the schema takes and give what it makes', () => {
    const ask = () => calls.request(shop.reserve, { sku: 'tea' }, { to: 'b', timeoutMs: 5 })
    expectTypeOf(ask).returns.resolves.toEqualTypeOf<{ id: string; at: number }>()
    expectTypeOf<Parameters<Handlers['reserve']>[0]>().toEqualTypeOf<{
      sku: string
      quantity: number
    }>()
    expectTypeOf<Parameters<Handlers['reserve']>[1]>().toEqualTypeOf<MessageContext>()
    type Reply = { id: string; at: string }
    expectTypeOf<ReturnType<Handlers['reserve']>>().toEqualTypeOf<Reply | Promise<Reply>>()
    expectTypeOf<Parameters<Handlers['told']>[0]>().toEqualTypeOf<number>()
    expectTypeOf<ReturnType<Handlers['count']>>().toEqualTypeOf<AsyncIterable<number>>()
    const broadcast = () => calls.broadcast(shop.told, 'text')
    expectTypeOf(broadcast).returns.resolves.toEqualTypeOf<ReadonlyMap<string, Outcome>>()
    const stream = () => calls.stream(shop.count, { from: 1, to: 2 })
    expectTypeOf(stream).returns.toEqualTypeOf<AsyncIterableIterator<{ number: number }>>()
    expect(shop.reserve.name).toBe('reserve')
  })

  it('narrow declared errors to their code and data', () => {
    const look = (error: unknown) => {
      if (shop.reserve.isError(error, 'OUT_OF_STOCK')) {
        expectTypeOf(error).toEqualTypeOf<ContractError<'OUT_OF_STOCK', { left: number }>>()
      }
      if (shop.reserve.isError(error)) {
        expectTypeOf(error.code).toEqualTypeOf<'OUT_OF_STOCK' | 'CLOSED'>()
        if (error.code === 'CLOSED') expectTypeOf(error.data).toEqualTypeOf<null>()
      }
    }
    look(null)
    expect(shop.reserve.isError(null)).toBe(false)
  })

  it('refuse what does not fit, when it is written', () => {
    const wrong = [
      // @ts-expect-error the input has no sku
      () => calls.request(shop.reserve, {}),
      // @ts-expect-error a message is no request
      () => calls.request(shop.placed, { id: '1', lines: [] }),
      // @ts-expect-error the payload is a text
      () => calls.send(shop.told, 5),
      // @ts-expect-error there is no such method
      () => shop.cancel,
      // @ts-expect-error there is no such error
      () => shop.reserve.error('LOST', null),
      // @ts-expect-error the data is no number
      () => shop.reserve.error('OUT_OF_STOCK', { left: 'two' }),
      // @ts-expect-error handlers are missing
      () => shop.implement({ reserve: () => ({ id: '', at: '' }) }),
      // @ts-expect-error the contract says whether it is idempotent
      () => calls.request(shop.reserve, { sku: 'x' }, { idempotent: true }),
      // @ts-expect-error a broadcast has no target
      () => calls.broadcast(shop.told, 'x', { to: 'b' }),
    ]
    expect(wrong).toHaveLength(9)
  })

  it('are inferred from the definition alone', () => {
    const bank = contract('bank', {
      pay: request({ input: z.coerce.number(), output: z.literal(['paid', 'declined']) }),
    })
    const implemented = () =>
      bank.implement({ pay: (cents) => (cents > 100 ? 'declined' : 'paid') })
    // @ts-expect-error no such answer
    const wrong = () => bank.implement({ pay: () => 'perhaps' })
    expectTypeOf(bank.pay.errors).toEqualTypeOf<Record<never, Schema>>()
    expectTypeOf<Parameters<typeof bank.pay.error>[0]>().toEqualTypeOf<never>()
    expect(implemented().methods.size).toBe(1)
    expect(wrong).toBeTypeOf('function')
  })
})
