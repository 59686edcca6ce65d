import { NodosumError } from './nodosum-error.ts'

/**
 * States what this code relies on, in production too. Never for what a peer or a user sent.
 *
 * @param message a constant sentence; building a string here would cost on every call
 * @throws `ERR_NODOSUM_INVARIANT_VIOLATED`
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new NodosumError('ERR_NODOSUM_INVARIANT_VIOLATED', message)
}

/**
 * Ends a switch over all kinds: a new kind becomes a compile error here.
 *
 * @throws `ERR_NODOSUM_INVARIANT_VIOLATED` when it is reached all the same
 */
export function unreachable(value: never): never {
  throw new NodosumError('ERR_NODOSUM_INVARIANT_VIOLATED', `unexpected ${describe(value)}`)
}

// A union is told apart by `kind`; String(value) of an object would say nothing, or throw.
function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = (value as { kind?: unknown }).kind
  return typeof kind === 'string' ? `kind '${kind}'` : 'object'
}
