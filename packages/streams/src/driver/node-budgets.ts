import { type BudgetSnapshot, ByteBudget } from '../core/byte-budget.ts'
import type { SessionRules } from '../core/rules.ts'
import type { SessionBudgets } from '../core/session-shapes.ts'
import type { StreamsOptions } from '../options.ts'

/** Bytes that sessions share, in both directions. */
export interface BudgetsSnapshot {
  /** Accepted for sending and not acknowledged. */
  readonly buffered: BudgetSnapshot
  /** What peers may send, or have sent, and was not handed on. */
  readonly granted: BudgetSnapshot
}

/** What all sessions of one node may keep and be sent together. */
export class NodeBudgets {
  readonly #options: StreamsOptions
  readonly #rules: SessionRules
  readonly #buffered: ByteBudget
  readonly #granted: ByteBudget

  constructor(options: StreamsOptions, rules: SessionRules) {
    this.#options = options
    this.#rules = rules
    this.#buffered = new ByteBudget(options.nodeBufferBytesMax, rules)
    this.#granted = new ByteBudget(options.nodeWindowBytes, rules)
  }

  /** The budgets of one more session, inside those of the node. */
  ofSession(): SessionBudgets {
    const { sessionBufferBytesMax, sessionWindowBytes } = this.#options
    return {
      buffered: new ByteBudget(sessionBufferBytesMax, this.#rules, this.#buffered),
      granted: new ByteBudget(sessionWindowBytes, this.#rules, this.#granted),
    }
  }

  snapshot(): BudgetsSnapshot {
    return { buffered: this.#buffered.snapshot(), granted: this.#granted.snapshot() }
  }
}
