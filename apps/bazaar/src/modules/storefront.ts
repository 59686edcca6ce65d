import { type Implementation, ownerOf, type TypedCalls } from 'nodosum'
import { type Journal, readJournal } from '../journal.ts'
import { type Order, type OrderResult, orders, storefront } from './contracts.ts'

/** One attempt is a third of it: 5 s, less than the 6 s after which orders.ts gives up a step. */
const timeoutMs = 15_000

/**
 * Takes orders from customers. Each is written to this process's journal before anything is done
 * for it, and its outcome when it has one: what was placed and has no outcome after a crash is
 * placed again, which does no harm.
 */
export function storefrontModule(journal: Journal): Implementation {
  return storefront.implement({ place: (order, { node }) => place(order, node, journal) })
}

/** Places what an earlier life of this process has left open. */
export function resumeOrders(node: TypedCalls, journal: Journal): void {
  for (const order of unfinished(journal.file)) {
    place(order, node, journal).catch((error: unknown) => {
      journal.write({ event: 'stuck', orderId: order.orderId, reason: String(error) })
    })
  }
}

async function place(order: Order, node: TypedCalls, journal: Journal): Promise<OrderResult> {
  journal.write({ event: 'placed', ...order })
  const to = ownerOf(order.orderId)
  const result = await node.request(orders.process, order, { to, timeoutMs })
  journal.write({ event: result.outcome, orderId: order.orderId, reason: result.reason })
  return result
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
