import type { Implementation } from 'nodosum'
import type { ShopDatabase } from '../shop-database.ts'
import { inventory } from './contracts.ts'

/**
 * Keeps the stock of the SKUs that this process owns.
 *
 * Callers address it with `ownerOf(sku)`, so in quiet times one process serves each SKU and nobody
 * contends for it. While a process joins or dies two can serve the same SKU for a moment:
 * ownership says who does the work, and the transaction in the database says who is right.
 */
export function inventoryModule(database: ShopDatabase): Implementation {
  return inventory.implement({
    reserve: ({ orderId, sku, quantity }) => {
      const answer = database.reserve(orderId, sku, quantity)
      if (answer === 'out of stock') throw inventory.reserve.error('OUT_OF_STOCK', { sku })
      return null
    },
  })
}
