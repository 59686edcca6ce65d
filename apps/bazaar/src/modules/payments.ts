import type { Implementation } from 'nodosum'
import { payments } from './contracts.ts'

/** A bank takes its time; meanwhile the order is in flight. */
const bankMs = 60

/** Declines about one order in forty, always the same ones, as a bank with an idempotency key. */
export function paymentsModule(): Implementation {
  return payments.implement({
    charge: async ({ orderId }) => {
      await new Promise((resolve) => setTimeout(resolve, bankMs))
      return Number(orderId.replace(/\D/g, '')) % 40 === 7 ? 'declined' : 'paid'
    },
  })
}
