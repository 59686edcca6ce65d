import { NodosumError } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import type { TargetRule } from './api.ts'

/** Any ready member that runs the application; another one at each attempt. */
export function anyNode(): TargetRule {
  return { kind: 'any', key: null }
}

/**
 * The ready member that runs the application with the shortest estimated round trip: this node
 * itself, when it runs it. Estimates come from the probes of membership; members that were not
 * measured yet come last. A request that finds one of them unreachable goes to the next nearest.
 */
export function nearest(): TargetRule {
  return { kind: 'nearest', key: null }
}

/**
 * The member that owns `key` among those that run the application (rendezvous hashing).
 * The key travels along; a receiver that does not own it answers `NOT_OWNER` and the sender
 * looks again, so a call lands on the owner while membership is changing.
 *
 * @param key at most 1,024 bytes of UTF-8
 * @throws `CONFIG_INVALID` for what is no string
 */
export function ownerOf(key: string): TargetRule {
  if (typeof key !== 'string') {
    const message = `ownerOf(key) takes a string, such as an order's id, not ${described(key)}`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
  }
  return { kind: 'owner', key }
}
