import type { ByteBudget } from './byte-budget.ts'
import type { ReturnReason, SessionRules } from './rules.ts'

/** A lane that uses its whole window in less time than this needs a larger one. */
const busyMs = 100

/** Between what a window moves. */
export interface WindowLimits {
  readonly laneWindowBytesMin: number
  readonly laneWindowBytes: number
}

/**
 * What the peer may send on one lane beyond what was handed on. It starts small, doubles while the
 * lane uses it and the budgets of session and node allow, and shrinks while they are exceeded. What
 * all windows together promise is the most that a node can be made to hold.
 */
export class ReceiveWindow {
  #bytes: number
  /** Of the window, what was used since then. */
  #usedBytes = 0
  #sinceMs = Number.NEGATIVE_INFINITY
  /** Of a message in parts, which takes its memory before they come. */
  #assemblyBytes = 0
  #isOver = false
  readonly #limits: WindowLimits
  readonly #budget: ByteBudget
  readonly #rules: SessionRules

  constructor(limits: WindowLimits, budget: ByteBudget, rules: SessionRules) {
    this.#limits = limits
    this.#budget = budget
    this.#rules = rules
    this.#bytes = limits.laneWindowBytesMin
    this.#budget.take(this.#bytes)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** So many bytes were handed on since the last time, and are about to be granted anew. */
  used(bytes: number, nowMs: number): void {
    if (this.#isOver) return
    const { laneWindowBytesMin, laneWindowBytes } = this.#limits
    if (this.#budget.isExceeded) {
      // What was granted cannot be taken back, only not be granted again.
      return this.#change(-Math.min(bytes, this.#bytes - laneWindowBytesMin))
    }
    this.#usedBytes += bytes
    if (this.#usedBytes < this.#bytes) return
    const tookMs = nowMs - this.#sinceMs
    this.#usedBytes = 0
    this.#sinceMs = nowMs
    const more = Math.min(this.#bytes, laneWindowBytes - this.#bytes)
    if (tookMs < busyMs && more > 0 && this.#budget.admits(more)) this.#change(more)
  }

  /** A message of this size is put together; 0 when it is whole. */
  assembles(bytes: number): void {
    this.#budget.take(bytes - this.#assemblyBytes)
    this.#assemblyBytes = bytes
  }

  /** The lane is over, or all of its session. */
  close(why: Extract<ReturnReason, 'closed' | 'over'>): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#budget.take(-this.#rules.givesBack(this.#bytes + this.#assemblyBytes, why))
  }

  #change(bytes: number): void {
    this.#bytes += bytes
    this.#budget.take(bytes)
  }
}
