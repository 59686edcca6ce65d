import { NodosumError } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import type { TargetOptions, TargetRule } from './api.ts'

/**
 * Any ready member that runs the application; another one at each attempt. Members that leave
 * requests unanswered are passed over while there are others.
 *
 * @param options which members are meant; checked by the call that uses the rule
 */
export function anyNode(options?: TargetOptions): TargetRule {
  return { kind: 'any', key: null, ...options }
}

/**
 * The ready member that runs the application with the shortest estimated round trip: this node
 * itself, when it runs it. Estimates come from the probes of membership; members that were not
 * measured yet come last. A request that finds one of them unreachable goes to the next nearest.
 *
 * @param options which members are meant; checked by the call that uses the rule
 */
export function nearest(options?: TargetOptions): TargetRule {
  return { kind: 'nearest', key: null, ...options }
}

/**
 * The member that owns `key` among those that run the application (rendezvous hashing).
 * The key travels along; a receiver that does not own it answers `NOT_OWNER` and the sender
 * looks again, so a call lands on the owner while membership is changing.
 *
 * @param key at most 1,024 bytes of UTF-8
 * @param options among which members it has an owner: whoever asks for the same owner has to give
 *   the same; checked by the call that uses the rule
 * @throws `CONFIG_INVALID` for what is no string
 */
export function ownerOf(key: string, options?: TargetOptions): TargetRule {
  if (typeof key !== 'string') {
    const message = `ownerOf(key) takes a string, such as an order's id, not ${described(key)}`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
  }
  return { kind: 'owner', key, ...options }
}
