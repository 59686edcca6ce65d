import * as v from 'valibot'
import { z } from 'zod'
import {
  type Contract,
  contract,
  type MessageDefinition,
  message,
  type RequestDefinition,
  request,
  type Schema,
  type StreamingDefinition,
  streaming,
} from '../../src/index.ts'

/** A schema by hand: text in, its length out, and it takes its time. */
export const lateLength: Schema<string, number> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: async (value) => {
      const text = String(value)
      // The shorter the text, the later the answer.
      for (let turn = text.length; turn < 10; turn++) await new Promise(setImmediate)
      if (typeof value !== 'string') return { issues: [{ message: 'no text' }] }
      return { value: value.length }
    },
  },
}

const Reserve: Schema<
  { sku: string; quantity?: number | undefined },
  { sku: string; quantity: number }
> = z.object({ sku: z.string(), quantity: z.number().int().default(1) })
const Reserved: Schema<{ id: string; at: string }, { id: string; at: number }> = z.object({
  id: z.string(),
  at: z.string().transform((text) => text.length),
})
const SoldOut: Schema<{ left: number }> = z.object({ left: z.number() })
const Order: Schema<{ id: string; lines: { sku: string }[] }> = z.object({
  id: z.string(),
  lines: z.array(z.object({ sku: z.string() })),
})
const Filter: Schema<{ from: number; to: number }> = v.object({ from: v.number(), to: v.number() })
const Item: Schema<number, { number: number }> = v.pipe(
  v.number(),
  v.integer(),
  v.transform((number) => ({ number })),
)

/** Of two libraries and by hand, with transforms, defaults and an asynchronous schema. */
export const shop: Contract<{
  readonly reserve: RequestDefinition<
    typeof Reserve,
    typeof Reserved,
    { readonly OUT_OF_STOCK: typeof SoldOut; readonly CLOSED: z.ZodNull }
  >
  readonly placed: MessageDefinition<typeof Order>
  readonly told: MessageDefinition<Schema<string, number>>
  readonly count: StreamingDefinition<typeof Filter, typeof Item, { readonly STOPPED: z.ZodString }>
}> = contract('shop', {
  reserve: request({
    input: Reserve,
    output: Reserved,
    errors: { OUT_OF_STOCK: SoldOut, CLOSED: z.null() },
    idempotent: true,
  }),
  placed: message({ payload: Order }),
  told: message({ payload: lateLength }),
  count: streaming({ input: Filter, item: Item, errors: { STOPPED: z.string() } }),
})

export type Shop = typeof shop
export type ShopHandlers = Parameters<Shop['implement']>[0]

/** Handlers that do what the names say; a test replaces those that it is about. */
export function shopHandlers(handlers: Partial<ShopHandlers> = {}): ShopHandlers {
  return {
    reserve: ({ sku }) => ({ id: sku, at: 'noon' }),
    placed: () => undefined,
    told: () => undefined,
    async *count({ from, to }) {
      for (let number = from; number <= to; number++) yield number
    },
    ...handlers,
  }
}
