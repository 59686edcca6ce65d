import { RollingCounts } from './rolling-counts.ts'

/** How many retries an application may add to its requests. */
export interface RetryBudgetSettings {
  /** Retries for each request, such as 0.1. */
  readonly retryShare: number
  /** Retries a second that are always allowed, so that an application with few requests may retry. */
  readonly retriesPerSecondMin: number
}

/** The window over which shares are taken. */
const windowMs = 10_000

/**
 * Keeps retries from becoming the load that keeps a service down: over the last ten seconds there
 * are at most `retryShare` of the requests and `retriesPerSecondMin` each second.
 */
export class RetryBudget {
  readonly #counts = new RollingCounts(windowMs, 10)
  /** Retries that were made, since the start. */
  retries = 0
  /** Retries that were not made because the budget was used up. */
  refused = 0

  /** A request was made for the first time. */
  requested(nowMs: number): void {
    this.#counts.addFirst(nowMs)
  }

  /** Whether a request may be made again; counts it. */
  tryRetry(nowMs: number, settings: RetryBudgetSettings): boolean {
    const { retryShare, retriesPerSecondMin } = settings
    const allowed =
      this.#counts.first(nowMs) * retryShare + (retriesPerSecondMin * windowMs) / 1_000
    if (this.#counts.second(nowMs) + 1 > allowed) {
      this.refused += 1
      return false
    }
    this.#counts.addSecond(nowMs)
    this.retries += 1
    return true
  }
}
