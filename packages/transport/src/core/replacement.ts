import { fullJitter, type Random } from '@nodosum/kernel'
import type { PoolSettings } from '../options.ts'

/** Why a connection is to be replaced although it works; `asked`: the peer has a reason. */
export type ReplacementReason = 'age' | 'packets' | 'credentials' | 'asked'

/** No pause is longer than this part of the time that there is. */
const pauseOfTime = 1 / 4

/** What the decision is made from. */
export interface LifetimeFacts {
  readonly ageMs: number
  /** From {@link ageLimit}. */
  readonly ageLimitMs: number
  readonly sentPackets: number
  /** True when this node has other credentials than those the connection was made with. */
  readonly isOutdated: boolean
  /** True when the end that accepted it has asked this one, which dialed it. */
  readonly isAsked: boolean
}

/** Why the connection is due, or null. */
export function replacementReason(
  facts: LifetimeFacts,
  settings: Pick<PoolSettings, 'connectionPacketsMax'>,
): ReplacementReason | null {
  if (facts.isOutdated) return 'credentials'
  if (facts.sentPackets >= settings.connectionPacketsMax) return 'packets'
  if (facts.ageMs >= facts.ageLimitMs) return 'age'
  return facts.isAsked ? 'asked' : null
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
  /** Tries that failed. */
  readonly tries: number
  /** Whether the end that dialed has been asked to do it. */
  readonly hasAsked: boolean
}

/** What to do about a connection that is due. */
export type ReplacementStep = 'wait' | 'ask' | 'try'

type ReplacementTimes = Pick<PoolSettings, 'replaceWithinMs' | 'replaceRetryMs'>

export function newReplacement(reason: ReplacementReason, nowMs: number): Replacement {
  return { reason, sinceMs: nowMs, nextTryMs: nowMs, tries: 0, hasAsked: false }
}

/**
 * One of the two ends replaces a connection, the one that dialed it. The accepting end asks it to.
 * Only when nothing has come of that for a whole `replaceWithinMs`, because the end that dialed
 * cannot reach this one any more, does the accepting end try itself. So two ends that are due at
 * once, for certificates that both have reloaded, are never in each other's way.
 */
export function replacementStep(
  replacement: Replacement,
  role: 'dialer' | 'acceptor',
  nowMs: number,
  { replaceWithinMs }: Pick<ReplacementTimes, 'replaceWithinMs'>,
): ReplacementStep {
  const { sinceMs, nextTryMs, hasAsked } = replacement
  const ownTurnMs = role === 'dialer' ? sinceMs : sinceMs + replaceWithinMs
  if (nowMs < ownTurnMs) return hasAsked ? 'wait' : 'ask'
  return nowMs < nextTryMs ? 'wait' : 'try'
}

/**
 * After a try that failed: the bound of the pause doubles, and the pause is drawn from all of it, so
 * that connections due at once spread out.
 */
export function postponed(
  replacement: Replacement,
  nowMs: number,
  { replaceWithinMs, replaceRetryMs }: ReplacementTimes,
  random: Random,
): Replacement {
  const { tries } = replacement
  const maxMs = Math.max(replaceRetryMs, replaceWithinMs * pauseOfTime)
  const pauseMs = fullJitter({ baseMs: replaceRetryMs, maxMs, attempt: tries }, random)
  return { ...replacement, tries: tries + 1, nextTryMs: nowMs + pauseMs }
}
