import type { Entry } from './entry.ts'
import type { NodeState } from './node-state.ts'
import { Suspicion } from './suspicion.ts'
import type { Timer } from './timers.ts'

/** So many confirmations weigh more than a node's doubt about itself. */
const witnessesMin = 3
/** Then its doubt stretches a suspicion this much at most. */
const witnessedMultiplierMax = 2
/** After this share of the least time a suspicion should have ended, wherever news arrives. */
const lingersShare = 1.5

/** All suspicions of this node: they begin, gain accusers, and end in silence or in a denial. */
export class Suspicions {
  /** A suspicion was not denied in time. */
  onExpired: (nowMs: number, entry: Entry) => void = () => undefined
  /** A suspicion lasts longer than others take to confirm or to deny it. */
  onLingering: (nowMs: number, entry: Entry) => void = () => undefined
  readonly #state: NodeState
  readonly #looks: Timer
  readonly #suspects = new Set<Entry>()

  constructor(state: NodeState) {
    this.#state = state
    this.#looks = state.timers.create((nowMs) => this.#look(nowMs))
  }

  get size(): number {
    return this.#suspects.size
  }

  start(nowMs: number, entry: Entry, accusers: readonly number[]): void {
    this.end(entry)
    const timer = this.#state.timers.create((atMs) => this.onExpired(atMs, entry))
    entry.suspicion = new Suspicion(nowMs, accusers, timer)
    this.#suspects.add(entry)
    if (!this.#looks.isSet) this.#looks.set(nowMs + this.#lookEveryMs())
    this.#state.counters.suspicions += 1
    this.#arm(entry.suspicion)
  }

  /** True when one of these accusers is new. */
  confirm(entry: Entry, accusers: readonly number[]): boolean {
    const { suspicion } = entry
    if (suspicion === null || !suspicion.confirm(accusers, this.#state.rules)) return false
    this.#state.counters.confirmations += 1
    this.#arm(suspicion)
    return true
  }

  /** Others know for certain: only the minimum is left to deny it. */
  settle(entry: Entry): void {
    if (entry.suspicion === null) return
    entry.suspicion.isSettled = true
    this.#arm(entry.suspicion)
  }

  end(entry: Entry): void {
    entry.suspicion?.end()
    entry.suspicion = null
    this.#suspects.delete(entry)
  }

  /** This process stood still and could not hear denials: they get their time again. */
  extend(nowMs: number, byMs: number): void {
    for (const entry of this.#suspects) {
      const { suspicion } = entry
      if (suspicion === null) continue
      suspicion.graceMs += Math.min(byMs, Math.max(0, nowMs - suspicion.startedMs))
      this.#arm(suspicion)
    }
  }

  /** Who missed the denial would let the suspicion run out; who missed the death waits for long. */
  #look(nowMs: number): void {
    const lingersMs = lingersShare * this.#state.options.suspicionMinMs
    for (const entry of this.#suspects) {
      if (nowMs - (entry.suspicion?.startedMs ?? nowMs) >= lingersMs) this.onLingering(nowMs, entry)
    }
    if (this.#suspects.size > 0) this.#looks.set(nowMs + this.#lookEveryMs())
  }

  #lookEveryMs(): number {
    return this.#state.options.suspicionMinMs / 2
  }

  #arm(suspicion: Suspicion): void {
    if (suspicion.isSettled) return suspicion.arm(this.#limits().minMs)
    const { rules, options, table } = this.#state
    const needed = rules.confirmationsNeeded(options.suspicionConfirmations, table.size)
    const confirmations = Math.min(needed, suspicion.accusers.length - 1)
    const isWitnessed = confirmations >= witnessesMin
    const limits = this.#limits(isWitnessed ? witnessedMultiplierMax : Number.POSITIVE_INFINITY)
    suspicion.arm(rules.suspicionMs(limits, Math.max(0, confirmations), needed))
  }

  /** A node that doubts itself, or that is hard to reach, gives others more time. */
  #limits(multiplierMax = Number.POSITIVE_INFINITY): { minMs: number; maxMs: number } {
    const { options, health, answers } = this.#state
    const multiplier = Math.max(health.multiplier, answers.tries)
    const minMs = options.suspicionMinMs * Math.min(multiplier, multiplierMax)
    return { minMs, maxMs: minMs * options.suspicionMaxMultiple }
  }
}
