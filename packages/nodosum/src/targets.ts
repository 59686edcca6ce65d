import type { TargetRule } from './api.ts'

/** Any ready member that runs the application; another one at each attempt. */
export function anyNode(): TargetRule {
  return { kind: 'any', key: null }
}

/**
 * The member that owns `key` among those that run the application (rendezvous hashing).
 * The key travels along; a receiver that does not own it answers `NOT_OWNER` and the sender
 * looks again, so a call lands on the owner while membership is changing.
 */
export function ownerOf(key: string): TargetRule {
  return { kind: 'owner', key }
}
