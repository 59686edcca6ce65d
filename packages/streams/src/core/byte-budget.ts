import type { SessionRules } from './rules.ts'

/** What a budget has come to; see `SessionTable.budgets`. */
export interface BudgetSnapshot {
  readonly bytes: number
  readonly bytesMax: number
  /** How often somebody was refused more because of it. */
  readonly refused: number
}

/**
 * Bytes that many share: the lanes of a session, and the sessions of a node above them. Each of them
 * has a minimum that is never refused, so that none can keep the others from going on; it is counted
 * all the same.
 */
export class ByteBudget {
  readonly bytesMax: number
  #bytes = 0
  #refused = 0
  readonly #parent: ByteBudget | null
  readonly #rules: SessionRules

  constructor(bytesMax: number, rules: SessionRules, parent: ByteBudget | null = null) {
    this.bytesMax = bytesMax
    this.#rules = rules
    this.#parent = parent
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Minimums have taken more than there is. */
  get isExceeded(): boolean {
    return this.#bytes > this.bytesMax || this.#parent?.isExceeded === true
  }

  /** Whether so much more is there. */
  hasRoom(bytes: number): boolean {
    if (!this.#rules.fits(this.#bytes, bytes, this.bytesMax)) return false
    return this.#parent === null || this.#parent.hasRoom(bytes)
  }

  /** The same for somebody who does without when it is not: counted as a refusal. */
  admits(bytes: number): boolean {
    if (this.#rules.fits(this.#bytes, bytes, this.bytesMax)) {
      return this.#parent === null || this.#parent.admits(bytes)
    }
    this.#refused += 1
    return false
  }

  /** Takes more, or with a negative number gives back, whether there is room or not. */
  take(bytes: number): void {
    this.#bytes += bytes
    this.#parent?.take(bytes)
  }

  snapshot(): BudgetSnapshot {
    return { bytes: this.#bytes, bytesMax: this.bytesMax, refused: this.#refused }
  }
}
