import type { Entry } from './entry.ts'
import { isGone } from './member.ts'

/** Times of the quarantine, in milliseconds. */
export interface QuarantineOptions {
  /** How long a member is held back that returned for the second time. */
  readonly quarantineMs: number
  /** It doubles with each further return, up to this. */
  readonly quarantineMaxMs: number
  /** Who stays for so long starts anew. */
  readonly quarantineForgetMs: number
}

/**
 * Holds back members that fail and return over and over. The first return is free: after a
 * partition everybody returns once. A member that is held back takes part in the protocol as ever
 * and is only not shown, so nodes with different memories of it still agree.
 */
export class Quarantine {
  readonly #options: QuarantineOptions

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  /**
   * A member that had failed lives again, as the same process.
   *
   * @returns when it may be shown, or 0 for at once
   */
  returned(entry: Entry, nowMs: number, goneSinceMs: number): number {
    const { quarantineMs, quarantineMaxMs, quarantineForgetMs } = this.#options
    if (nowMs - goneSinceMs > quarantineForgetMs) entry.returns = 0
    entry.returns += 1
    if (entry.returns < 2) return 0
    return nowMs + Math.min(quarantineMaxMs, quarantineMs * 2 ** (entry.returns - 2))
  }

  /** Whether its time is over and it may be shown. */
  isOver(entry: Entry, nowMs: number): boolean {
    return nowMs >= entry.heldUntilMs && !isGone(entry.state)
  }
}
