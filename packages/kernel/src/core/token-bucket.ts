import { invariant } from './invariant.ts'

// Sums of fractions miss a whole token by far less than this.
const rounding = 1e-6

/**
 * Lets `burst` through at once and `ratePerSecond` in the long run:
 * `tokens(now) = min(burst, tokens(then) + (now - then) * ratePerSecond / 1000)`.
 */
export class TokenBucket {
  readonly #ratePerMs: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  /**
   * @param options.ratePerSecond tokens added each second; above 0
   * @param options.burst most tokens it holds, and holds at first; at least 1
   * @param options.nowMs when it starts
   */
  constructor(options: { ratePerSecond: number; burst: number; nowMs: number }) {
    invariant(
      options.ratePerSecond > 0 && Number.isFinite(options.ratePerSecond),
      'a bucket needs a finite rate above 0',
    )
    invariant(
      options.burst >= 1 && Number.isFinite(options.burst),
      'a bucket needs a finite burst of at least 1',
    )
    this.#ratePerMs = options.ratePerSecond / 1_000
    this.#burst = options.burst
    this.#tokens = options.burst
    this.#atMs = options.nowMs
  }

  /** Takes `count` tokens when there are as many; else takes none and returns false. */
  tryTake(nowMs: number, count: number = 1): boolean {
    this.#refill(nowMs)
    if (this.#tokens + rounding < count) return false
    this.#tokens = Math.max(0, this.#tokens - count)
    return true
  }

  /**
   * Takes `count` tokens, also when they are not there: what comes next waits until the debt is
   * paid. For work that has happened already and can only be slowed down.
   */
  spend(nowMs: number, count: number = 1): void {
    this.#refill(nowMs)
    this.#tokens -= count
  }

  /**
   * Whole milliseconds until `count` tokens are there, if none are taken meanwhile; 0 when they
   * are, Infinity when `count` is above the burst.
   */
  msUntil(nowMs: number, count: number = 1): number {
    if (count > this.#burst) return Number.POSITIVE_INFINITY
    this.#refill(nowMs)
    const missing = count - this.#tokens
    if (missing <= rounding) return 0
    // Half of what tryTake forgives, so that it succeeds after this wait in spite of rounding.
    return Math.ceil((missing - rounding / 2) / this.#ratePerMs)
  }

  // A clock that went back adds nothing and takes nothing.
  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#ratePerMs)
    this.#atMs = nowMs
  }
}
