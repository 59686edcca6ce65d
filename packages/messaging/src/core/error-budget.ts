import { RollingCounts } from './rolling-counts.ts'

/** How much may go wrong. */
export interface ErrorBudgetSettings {
  /** Share of the requests that may fail, such as 0.01. */
  readonly errorBudgetShare: number
}

export interface ErrorBudgetSnapshot {
  readonly windowMs: number
  /** Requests that ended within the window. */
  readonly requests: number
  /** Those of them that got no answer. */
  readonly failures: number
  /** Share that may fail. */
  readonly share: number
  /** Failures over allowed failures: at 1 the budget is used up. 0 with fewer than 100 requests. */
  readonly burn: number
}

/** A single failure among a few requests says nothing. */
const requestsMin = 100

const slots = 60

/** How many requests of an application got no answer, against how many may. */
export class ErrorBudget {
  #counts: RollingCounts

  constructor(windowMs: number) {
    this.#counts = new RollingCounts(windowMs, slots)
  }

  /** Begins anew when the window has another length. */
  useWindow(windowMs: number): void {
    if (windowMs !== this.#counts.windowMs) this.#counts = new RollingCounts(windowMs, slots)
  }

  ended(nowMs: number, failed: boolean): void {
    this.#counts.addFirst(nowMs)
    if (failed) this.#counts.addSecond(nowMs)
  }

  snapshot(nowMs: number, settings: ErrorBudgetSettings): ErrorBudgetSnapshot {
    const requests = this.#counts.first(nowMs)
    const failures = this.#counts.second(nowMs)
    const share = settings.errorBudgetShare
    const burn = requests < requestsMin ? 0 : failures / (requests * share)
    return { windowMs: this.#counts.windowMs, requests, failures, share, burn }
  }
}
