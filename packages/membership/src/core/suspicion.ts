import { wireLimits } from '../wire/limits.ts'
import type { ProtocolRules } from './rules.ts'
import type { Timer } from './timers.ts'

/** One member under suspicion: who accuses it, and when it is declared failed. */
export class Suspicion {
  readonly startedMs: number
  /** Whether another node, comparing views, said that the member is gone for certain. */
  isContested = false
  /** Whether nobody more need confirm it. */
  isSettled = false
  /** Added when this process stood still: it could not hear a denial. */
  graceMs = 0
  readonly #timer: Timer
  #accusers: readonly number[]

  constructor(startedMs: number, accusers: readonly number[], timer: Timer) {
    this.startedMs = startedMs
    this.#accusers = accusers.slice(0, wireLimits.accusers)
    this.#timer = timer
  }

  /** Hashes of the ids of those who found it silent, each by itself. */
  get accusers(): readonly number[] {
    return this.#accusers
  }

  /** True when one of these is new; beyond four it makes no difference. */
  confirm(accusers: readonly number[], rules: ProtocolRules): boolean {
    const before = this.#accusers
    for (const accuser of accusers) {
      if (this.#accusers.length >= wireLimits.accusers) break
      if (rules.isNewAccuser(this.#accusers, accuser)) this.#accusers = [...this.#accusers, accuser]
    }
    return this.#accusers !== before
  }

  /** Sets the deadline that follows from the number of accusers. */
  arm(timeoutMs: number): void {
    this.#timer.set(this.startedMs + timeoutMs + this.graceMs)
  }

  armAt(dueMs: number): void {
    this.#timer.set(dueMs)
  }

  end(): void {
    this.#timer.cancel()
  }
}
