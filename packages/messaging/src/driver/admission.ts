import type { Envelope } from '../wire/envelope.ts'
import type { Failure } from '../wire/message-frames.ts'
import { refusal } from './failure.ts'
import type { Handlers } from './handlers.ts'
import type { Owns } from './inbound-messages.ts'

/** When a request comes again that was refused for want of memory. */
const retryWhenShortMs = 100

/** A request, or the opening of a stream, before its handler starts. */
export interface Arrival {
  readonly from: string
  readonly envelope: Envelope
  readonly bytes: number
  readonly nowMs: number
}

/**
 * Why this node takes no such request now; null when it does. Then `policy.quotas.finished` has to
 * hear of its end.
 */
export function admissionProblem(
  handlers: Handlers,
  owns: Owns,
  { from, envelope, bytes, nowMs }: Arrival,
): Failure | null {
  const { application, draining, policy, memory } = handlers
  const { key, group } = envelope
  if (draining) return refusal('ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
  if (key !== null && !owns(application, key, group)) {
    return refusal('ERR_NODOSUM_NOT_OWNER', `not the owner of ${key}`)
  }
  if (memory.isShortFor(handlers.importance('requests'))) {
    memory.refused += 1
    return refusal('ERR_NODOSUM_MEMORY_PRESSURE', memory.words, { retryAfterMs: retryWhenShortMs })
  }
  if (!policy.quotas.isLimited || policy.isControl) return null
  const quota = policy.quotas.admit(from, bytes, nowMs)
  if (quota === null) return null
  const message = `${application} takes no more from ${from} for now (${quota.limit})`
  return refusal('ERR_NODOSUM_RATE_LIMITED', message, quota)
}
