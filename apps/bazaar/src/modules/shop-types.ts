/** What the modules say to each other. */
export interface Product {
  readonly sku: string
  readonly name: string
  readonly category: string
  readonly priceCents: number
  /** Opening stock. */
  readonly stock: number
}

export interface OrderLine {
  readonly sku: string
  readonly quantity: number
}

export interface Order {
  readonly orderId: string
  readonly customer: string
  readonly lines: readonly OrderLine[]
}

/** How an order ended; the same answer however often it is asked. */
export interface OrderResult {
  readonly orderId: string
  readonly outcome: 'confirmed' | 'failed'
  /** Why it failed; empty when it did not. */
  readonly reason: string
}
