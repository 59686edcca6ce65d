import type { BootId } from '@nodosum/kernel'
import type { Session } from '../ports.ts'

/** Both ends give a message the same id: who sent it to whom, over which session and lane. */
export function messageIdPrefix(
  from: BootId,
  to: BootId,
  session: Session,
  lane: { stream: number },
): string {
  return `${from}.${to.slice(0, 8)}.${session.id}.${lane.stream}.`
}
