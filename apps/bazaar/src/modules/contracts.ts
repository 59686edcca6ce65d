/** What the modules say to each other. Every process imports these, whichever modules it runs. */
import { contract, message, request } from 'nodosum'
import { z } from 'zod'

export interface Product {
  readonly sku: string
  readonly name: string
  readonly category: string
  readonly priceCents: number
  /** Opening stock. */
  readonly stock: number
}

const Sku = z.string().min(1).max(64)
const OrderLine = z.object({ sku: Sku, quantity: z.number().int().positive() })
const Order = z.object({
  orderId: z.string().min(1).max(64),
  customer: z.string().max(64),
  lines: z.array(OrderLine).min(1).max(100),
})
const OrderResult = z.object({
  orderId: z.string(),
  outcome: z.enum(['confirmed', 'failed']),
  /** Why it failed; empty when it did not. */
  reason: z.string(),
})
const SoldOut = z.object({ sku: Sku })

export type OrderLine = z.infer<typeof OrderLine>
export type Order = z.infer<typeof Order>
/** How an order ended; the same answer however often it is asked. */
export type OrderResult = z.infer<typeof OrderResult>

/** Takes orders from customers. */
export const storefront = contract('storefront', {
  place: request({ input: Order, output: OrderResult, idempotent: true }),
})

/** Takes an order from reservation to decision; asked of `ownerOf(orderId)`. */
export const orders = contract('orders', {
  process: request({ input: Order, output: OrderResult, idempotent: true }),
})

/** Reserves stock; asked of `ownerOf(sku)`. */
export const inventory = contract('inventory', {
  reserve: request({
    input: OrderLine.extend({ orderId: z.string() }),
    output: z.null(),
    errors: { OUT_OF_STOCK: SoldOut },
    idempotent: true,
  }),
})

/** Knows what things cost. */
export const catalog = contract('catalog', {
  total: request({
    input: z.array(OrderLine),
    output: z.number().int(),
    errors: { UNKNOWN_PRODUCT: SoldOut },
    idempotent: true,
  }),
})

/** Asks the bank, under the order's id, so that asking twice charges once. */
export const payments = contract('payments', {
  charge: request({
    input: z.object({ orderId: z.string(), totalCents: z.number().int().positive() }),
    output: z.enum(['paid', 'declined']),
    idempotent: true,
  }),
})

/** Tells customers how their orders ended. */
export const notifications = contract('notifications', {
  decided: message({ payload: OrderResult }),
})
