import type { Node } from 'nodosum'
import type { Journal } from '../journal.ts'
import type { OrderResult } from './shop-types.ts'

/** Would send an e-mail; writes to its journal instead. */
export function runNotifications(node: Node, journal: Journal): void {
  node.application('notifications').onMessage((payload) => {
    const { orderId, outcome } = payload as OrderResult
    journal.write({ event: 'notified', orderId, outcome })
  })
}
