import type { Entry } from './entry.ts'
import { isGone } from './member.ts'

/** Times of the quarantine, in milliseconds. */
export interface QuarantineOptions {
  /** How long a member is held back that returned for the second time; half for the first. */
  readonly quarantineMs: number
  /** It doubles with each further return, up to this. */
  readonly quarantineMaxMs: number
  /** Who stays for so long starts anew. */
  readonly quarantineForgetMs: number
}

/** How well the node that holds members back is, and how many members there are. */
export interface Judge {
  readonly score: number
  readonly members: number
}

/** How restless one member has been. */
export interface Flapping {
  /** How often it came back after it had failed. */
  returns: number
  returnedMs: number
  /** Its suspicions, each counting less the older it is. */
  unrest: number
  unrestMs: number
}

/** The time after which a suspicion counts a third. */
const unrestFadesMs = 30_000
/**
 * Half a minute of a suspicion every four seconds, each denied: most of its packets are lost. A
 * link that loses 5 % of them causes one in hours.
 */
const unrestMax = 6
/** Who is below this again is calm: 40 s without a suspicion. */
const calmUnrest = 1.5
/** Who is held back for being restless is looked at again this often, and is free once calm. */
const calmCheckMs = 5_000
/** Who is back so soon after it failed had no long outage: it is likely to fail again. */
const quickReturnMs = 30_000
/** Failures that are not older than this count as one event with a member's return. */
const sameEventMs = 60_000
/** Of the denials that one statement shows to have been missed, so many count at most. */
const missedDenialsMax = 3
/** Who is worse than this does not judge how restless others are. */
const judgeScoreMax = 2
/** Where more failed at the same time it is the network: their first return is free. */
const aloneShareMax = 0.02
/** Where more are restless it is the network that is ill, and nobody is held back for that. */
const heldShareMax = 0.1

/**
 * Holds back members that fail and return over and over, or that are suspected and deny it over
 * and over. The first return is free, unless the member was heard all the time and did not hear
 * itself, is back within half a minute, and at most a fiftieth of the members failed with it. Who
 * stands still or is cut off is not heard; after a partition in one direction many return; and in a
 * cluster of fewer than fifty one is many.
 * A member that is held back takes part in the protocol as ever and is only not shown, so nodes
 * with different memories of it still agree.
 */
export class Quarantine {
  readonly #options: QuarantineOptions
  readonly #held = new Set<Entry>()
  /** Those who were suspected lately, and perhaps have become calm since. */
  readonly #restless = new Set<Entry>()
  /** When each failed that failed lately, the earliest first. */
  readonly #failures = new Map<Entry, number>()

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  /** A member is declared failed. */
  failed(entry: Entry, nowMs: number): void {
    this.#failures.delete(entry)
    this.#failures.set(entry, nowMs)
    this.#forgetFailures(nowMs)
  }

  /**
   * A member that had failed lives again, as the same process.
   *
   * @param suspects how many others are suspected
   */
  returned(entry: Entry, nowMs: number, judge: Judge, suspects: number): void {
    const { quarantineMs, quarantineMaxMs, quarantineForgetMs } = this.#options
    const flapping = flappingOf(entry, nowMs)
    if (nowMs - flapping.returnedMs > quarantineForgetMs) flapping.returns = 0
    flapping.returns += 1
    flapping.returnedMs = nowMs
    const isHeldAtOnce = entry.isDeaf && this.#isAlone(entry, nowMs, judge, suspects)
    if (flapping.returns < 2 && !isHeldAtOnce) return
    const heldMs = Math.min(quarantineMaxMs, quarantineMs * 2 ** (flapping.returns - 2))
    if (heldMs > 0) this.#hold(entry, nowMs + heldMs)
  }

  /**
   * A member is suspected, or was and has denied it before this node heard: where news takes as
   * long as a denial, most nodes would know of few of the suspicions.
   *
   * @param times how often since the last call
   */
  suspected(entry: Entry, nowMs: number, judge: Judge, times = 1): void {
    if (times <= 0) return
    const flapping = flappingOf(entry, nowMs)
    if (judge.score > judgeScoreMax) return
    const counted = Math.min(times, missedDenialsMax)
    // Not above the limit, so that calm takes 40 s after the last suspicion, however bad it was.
    flapping.unrest = Math.min(unrestMax, unrestAt(flapping, nowMs) + counted)
    flapping.unrestMs = nowMs
    const heldMax = Math.max(1, judge.members * heldShareMax)
    this.#restless.add(entry)
    if (flapping.unrest < unrestMax || this.#restlessAt(nowMs) > heldMax) return
    if (this.#held.has(entry) || this.#held.size >= heldMax) return
    this.#hold(entry, nowMs + calmCheckMs)
  }

  /** When the next quarantine ends; infinite when nobody is held back. */
  nextEndMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { heldUntilMs } of this.#held) next = Math.min(next, heldUntilMs)
    return next
  }

  /** Those whose quarantine is over, and who have become calm, from now on free. */
  release(nowMs: number): Entry[] {
    const free: Entry[] = []
    for (const entry of this.#held) {
      if (nowMs < entry.heldUntilMs) continue
      const isRestless = entry.flapping !== null && unrestAt(entry.flapping, nowMs) > calmUnrest
      if (isRestless && !isGone(entry.state)) {
        entry.heldUntilMs = nowMs + calmCheckMs
        continue
      }
      free.push(entry)
    }
    for (const entry of free) this.#held.delete(entry)
    return free
  }

  /** A new process of the node has nothing to do with the old one. */
  forget(entry: Entry): void {
    entry.heldUntilMs = 0
    entry.flapping = null
    this.#held.delete(entry)
    this.#restless.delete(entry)
    this.#failures.delete(entry)
  }

  /** Whether it is back soon, while nearly everybody else was there all the time. */
  #isAlone(entry: Entry, nowMs: number, judge: Judge, suspects: number): boolean {
    const failedMs = this.#failures.get(entry) ?? Number.NEGATIVE_INFINITY
    if (nowMs - failedMs > quickReturnMs || judge.score > judgeScoreMax) return false
    this.#forgetFailures(nowMs)
    return this.#failures.size + suspects <= judge.members * aloneShareMax
  }

  #forgetFailures(nowMs: number): void {
    for (const [entry, failedMs] of this.#failures) {
      if (nowMs - failedMs <= sameEventMs) return
      this.#failures.delete(entry)
    }
  }

  /** How many are restless; asked only when somebody is about to be held back. */
  #restlessAt(nowMs: number): number {
    for (const entry of this.#restless) {
      const isCalm = entry.flapping === null || unrestAt(entry.flapping, nowMs) <= calmUnrest
      if (isCalm) this.#restless.delete(entry)
    }
    return this.#restless.size
  }

  #hold(entry: Entry, untilMs: number): void {
    entry.heldUntilMs = Math.max(entry.heldUntilMs, untilMs)
    this.#held.add(entry)
  }
}

function flappingOf(entry: Entry, nowMs: number): Flapping {
  entry.flapping ??= { returns: 0, returnedMs: nowMs, unrest: 0, unrestMs: nowMs }
  return entry.flapping
}

function unrestAt({ unrest, unrestMs }: Flapping, nowMs: number): number {
  return unrest * Math.exp(-(nowMs - unrestMs) / unrestFadesMs)
}
