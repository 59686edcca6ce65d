import { isNodosumError } from '@nodosum/kernel'

/** What says nothing about the peer: somebody at this end gave the dial up, or has no room. */
export function isOwnDoing(error: unknown): boolean {
  return (
    isNodosumError(error) &&
    ['ERR_NODOSUM_CANCELLED', 'ERR_NODOSUM_SHUT_DOWN', 'ERR_NODOSUM_LIMIT_CONNECTIONS'].includes(
      error.code,
    ) &&
    error.details.remote !== true
  )
}

/**
 * Of several failures to reach one peer the one that says most about it: a refusal by somebody who
 * answered says more than silence, and a certificate that is refused stays refused. Of two that say
 * as much it is the first.
 */
export function mostTelling(errors: readonly Error[]): Error | undefined {
  let best: Error | undefined
  for (const error of errors) {
    if (best === undefined || rankOf(error) > rankOf(best)) best = error
  }
  return best
}

function rankOf(error: Error): number {
  if (isOwnDoing(error)) return 0
  if (!isNodosumError(error) || error.code === 'ERR_NODOSUM_CONNECT_TIMEOUT') return 1
  if (error.class === 'security') return 4
  return error.class === 'permanent' ? 3 : 2
}
