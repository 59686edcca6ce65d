import { type Implementation, ownerOf, type TypedCalls } from 'nodosum'
import type { Journal } from '../journal.ts'
import type { ShopDatabase } from '../shop-database.ts'
import { catalog, inventory, notifications, type Order, orders, payments } from './contracts.ts'

/**
 * A third of it, one attempt, is long enough for a live process; all of it, for a dead one to be
 * found out. Whoever asks for the order tries again before this is over (see storefront.ts).
 */
const timeoutMs = 6_000

/**
 * Takes one order from reservation to confirmation.
 *
 * It may run twice for the same order, at once or one after the other: whoever asked gave up on a
 * process that turned out to be alive, or resumed after a crash. So every step can be repeated,
 * and how the order ended is decided once, in the database.
 */
export function ordersModule(database: ShopDatabase, journal: Journal): Implementation {
  return orders.implement({
    process: async (order, { node }) => {
      const known = database.decision(order.orderId)
      if (known !== null) return known
      const reason = await reasonToFail(order, node)
      // Gives reservations back when the order failed, in the same transaction.
      const outcome = reason === '' ? 'confirmed' : 'failed'
      const { result, isFirst } = database.decide(order.orderId, outcome, reason)
      // Once for each order over all processes, or the account does not balance.
      if (isFirst) journal.write({ event: 'decided', orderId: order.orderId, outcome })
      // The order does not wait for its e-mail, and stands without it; a process that drains does
      // wait until the e-mail is written. On a lane of its own it holds up nothing else.
      const sent = node.send(notifications.decided, result, { lane: 'mail', confirm: 'handled' })
      void sent.catch(() => undefined)
      return result
    },
  })
}

/** Why the order cannot be confirmed; empty when it can. */
async function reasonToFail({ orderId, lines }: Order, node: TypedCalls): Promise<string> {
  try {
    for (const line of lines) {
      const wish = { orderId, ...line }
      await node.request(inventory.reserve, wish, { to: ownerOf(line.sku), timeoutMs })
    }
  } catch (error) {
    if (!inventory.reserve.isError(error, 'OUT_OF_STOCK')) throw error
    return `${error.data.sku} is out of stock`
  }
  const totalCents = await node.request(catalog.total, lines, { timeoutMs })
  const payment = await node.request(payments.charge, { orderId, totalCents }, { timeoutMs })
  return payment === 'paid' ? '' : `payment ${payment}`
}
