import type { Node } from 'nodosum'

export interface Charge {
  readonly orderId: string
  readonly totalCents: number
}

/** A bank takes its time; meanwhile the order is in flight. */
const bankMs = 60

/** Declines about one order in forty, always the same ones, as a bank with an idempotency key. */
export function runPayments(node: Node): void {
  node.application('payments').onRequest(async (payload) => {
    const { orderId, totalCents } = payload as Charge
    await new Promise((resolve) => setTimeout(resolve, bankMs))
    if (totalCents <= 0) throw new Error(`nothing to pay for ${orderId}`)
    return Number(orderId.replace(/\D/g, '')) % 40 === 7 ? 'declined' : 'paid'
  })
}
