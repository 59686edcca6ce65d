import { type Node, ownerOf } from 'nodosum'
import { type Journal, readJournal } from '../journal.ts'
import type { Order, OrderResult } from './shop-types.ts'

/** One attempt is a third of it: 5 s, less than the 6 s after which orders.ts gives up a step. */
const retried = { idempotent: true, timeoutMs: 15_000 } as const

/**
 * Takes orders from customers. Each is written to this process's journal before anything is done
 * for it, and its outcome when it has one: what was placed and has no outcome after a crash is
 * placed again, which does no harm.
 */
export function runStorefront(node: Node, journal: Journal): void {
  const orders = node.application('orders')

  async function place(order: Order): Promise<OrderResult> {
    journal.write({ event: 'placed', ...order })
    const answer = await orders.request(ownerOf(order.orderId), order, retried)
    const result = answer as OrderResult
    journal.write({ event: result.outcome, orderId: order.orderId, reason: result.reason })
    return result
  }

  node.application('storefront').onRequest((payload) => place(payload as Order))

  for (const order of unfinished(journal.file)) {
    place(order).catch((error: unknown) => {
      journal.write({ event: 'stuck', orderId: order.orderId, reason: String(error) })
    })
  }
}

/** Orders that an earlier life of this process placed and did not see end. */
export function unfinished(file: string): readonly Order[] {
  const open = new Map<string, Order>()
  for (const entry of readJournal(file).entries) {
    const orderId = String(entry.orderId)
    if (entry.event === 'placed') open.set(orderId, entry as unknown as Order)
    else if (entry.event === 'confirmed' || entry.event === 'failed') open.delete(orderId)
  }
  return [...open.values()].map(({ orderId, customer, lines }) => ({ orderId, customer, lines }))
}
