import type { Formation } from './effects.ts'
import type { NodeState } from './node-state.ts'
import type { OwnRecord } from './own-record.ts'
import type { Source } from './source.ts'
import type { Timer } from './timers.ts'

/** Decides when this node belongs to a cluster: it finds one, or one begins with it. */
export class Forming {
  onFormed: (nowMs: number) => void = () => undefined
  #isFound = false
  readonly #state: NodeState
  readonly #formation: Formation
  readonly #own: OwnRecord
  readonly #alone: Timer

  constructor(state: NodeState, formation: Formation, nowMs: number, own: OwnRecord) {
    this.#state = state
    this.#formation = formation
    this.#own = own
    this.#alone = state.timers.create((atMs) => {
      this.#isFound = true
      this.consider(atMs)
    })
    if (formation.alone) this.#alone.set(nowMs + state.options.joinRetryMs)
  }

  /** A member that is known here belongs to a cluster: so does this node. */
  heardFormed(nowMs: number, source: Source): void {
    if (this.#state.outbox.formed || source.isRefused || source.entry === undefined) return
    this.#isFound = true
    this.consider(nowMs)
  }

  /** Something has changed that may make a cluster; not while another one may own the id. */
  consider(nowMs: number): void {
    const { outbox, table } = this.#state
    if (outbox.formed || this.#own.rival !== null) return
    const { expect } = this.#formation
    if (!this.#isFound && (expect === null || table.size < expect)) return
    outbox.formed = true
    this.#alone.cancel()
    this.#state.push({ kind: 'formed' })
    this.onFormed(nowMs)
  }
}
