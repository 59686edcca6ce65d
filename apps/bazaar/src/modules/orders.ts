import { anyNode, type Node, ownerOf } from 'nodosum'
import type { Journal } from '../journal.ts'
import type { ShopDatabase } from '../shop-database.ts'
import type { Charge } from './payments.ts'
import type { Order, OrderResult } from './shop-types.ts'

/**
 * A third of it, one attempt, is long enough for a live process; all of it, for a dead one to be
 * found out. Whoever asks for the order tries again before this is over (see storefront.ts).
 */
const retried = { idempotent: true, timeoutMs: 6_000 } as const

/**
 * Takes one order from reservation to confirmation.
 *
 * It may run twice for the same order, at once or one after the other: whoever asked gave up on a
 * process that turned out to be alive, or resumed after a crash. So every step can be repeated,
 * and how the order ended is decided once, in the database.
 */
export function runOrders(node: Node, database: ShopDatabase, journal: Journal): void {
  const inventory = node.application('inventory')
  const catalog = node.application('catalog')
  const payments = node.application('payments')
  const notifications = node.application('notifications')

  async function reasonToFail(order: Order): Promise<string> {
    for (const { sku, quantity } of order.lines) {
      const wish = { orderId: order.orderId, sku, quantity }
      const answer = await inventory.request(ownerOf(sku), wish, retried)
      if (answer === 'out of stock') return `${sku} is out of stock`
    }
    const totalCents = (await catalog.request(anyNode(), order.lines, retried)) as number
    const charge: Charge = { orderId: order.orderId, totalCents }
    const payment = await payments.request(anyNode(), charge, retried)
    return payment === 'paid' ? '' : `payment ${payment}`
  }

  node.application('orders').onRequest(async (payload): Promise<OrderResult> => {
    const order = payload as Order
    const known = database.decision(order.orderId)
    if (known !== null) return known
    const reason = await reasonToFail(order)
    // Gives reservations back when the order failed, in the same transaction.
    const outcome = reason === '' ? 'confirmed' : 'failed'
    const { result, isFirst } = database.decide(order.orderId, outcome, reason)
    // Once for each order over all processes, or the account does not balance.
    if (isFirst) journal.write({ event: 'decided', orderId: order.orderId, outcome })
    // The order does not wait for its e-mail, and stands without it.
    void notifications.send(anyNode(), result).catch(() => undefined)
    return result
  })
}
