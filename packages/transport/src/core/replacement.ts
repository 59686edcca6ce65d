import type { PoolSettings } from '../options.ts'

/** Why a connection is to be replaced although it works. */
export type ReplacementReason = 'age' | 'packets' | 'credentials'

/** What the decision is made from. */
export interface LifetimeFacts {
  readonly ageMs: number
  /** From {@link ageLimit}. */
  readonly ageLimitMs: number
  readonly sentPackets: number
  /** True when this node has other credentials than those the connection was made with. */
  readonly isOutdated: boolean
}

/** Why the connection is due, or null. */
export function replacementReason(
  facts: LifetimeFacts,
  settings: Pick<PoolSettings, 'connectionPacketsMax'>,
): ReplacementReason | null {
  if (facts.isOutdated) return 'credentials'
  if (facts.sentPackets >= settings.connectionPacketsMax) return 'packets'
  return facts.ageMs >= facts.ageLimitMs ? 'age' : null
}

/**
 * When a connection is old. The dialing end acts first, at eight to nine tenths of the limit, so
 * that usually one of the two does; the accepting end in the last twentieth.
 *
 * @param draw from 0 to 1, drawn once for each connection
 */
export function ageLimit(role: 'dialer' | 'acceptor', ageMaxMs: number, draw: number): number {
  return role === 'dialer' ? ageMaxMs * (0.8 + 0.1 * draw) : ageMaxMs * (0.95 + 0.05 * draw)
}

/** One replacement under way. */
export interface Replacement {
  readonly reason: ReplacementReason
  readonly sinceMs: number
  readonly nextTryMs: number
  /** Tries that found the connection in use. */
  readonly tries: number
}

/** What to do about a connection that is due. */
export type ReplacementStep = 'wait' | 'try' | 'force'

type ReplacementTimes = Pick<PoolSettings, 'replaceWithinMs' | 'replaceRetryMs'>

/** Tries until time is up, and then does it all the same. */
export function replacementStep(
  replacement: Replacement,
  nowMs: number,
  { replaceWithinMs }: Pick<ReplacementTimes, 'replaceWithinMs'>,
): ReplacementStep {
  if (nowMs - replacement.sinceMs >= replaceWithinMs) return 'force'
  return nowMs < replacement.nextTryMs ? 'wait' : 'try'
}

/** After a try that failed: the pause doubles, since each try holds up who wants to send. */
export function postponed(
  replacement: Replacement,
  nowMs: number,
  { replaceRetryMs }: Pick<ReplacementTimes, 'replaceRetryMs'>,
): Replacement {
  const { tries } = replacement
  return { ...replacement, tries: tries + 1, nextTryMs: nowMs + replaceRetryMs * 2 ** tries }
}
