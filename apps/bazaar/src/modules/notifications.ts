import type { Implementation } from 'nodosum'
import type { Journal } from '../journal.ts'
import { notifications } from './contracts.ts'

/** Would send an e-mail; writes to its journal instead. */
export function notificationsModule(journal: Journal): Implementation {
  return notifications.implement({
    decided: ({ orderId, outcome }) => journal.write({ event: 'notified', orderId, outcome }),
  })
}
