import type { Node } from 'nodosum'
import type { ShopDatabase } from '../shop-database.ts'

/** A wish to take something out of stock for an order. */
export interface Reservation {
  readonly orderId: string
  readonly sku: string
  readonly quantity: number
}

/**
 * Keeps the stock of the SKUs that this process owns.
 *
 * Callers address it with `ownerOf(sku)`, so in quiet times one process serves each SKU and nobody
 * contends for it. While a process joins or dies two can serve the same SKU for a moment:
 * ownership says who does the work, and the transaction in the database says who is right.
 */
export function runInventory(node: Node, database: ShopDatabase): void {
  node.application('inventory').onRequest((payload) => {
    const { orderId, sku, quantity } = payload as Reservation
    return database.reserve(orderId, sku, quantity)
  })
}
