import type { NodeId, Random } from '@nodosum/kernel'
import type { Member } from './member.ts'

/** A probe that waits for its answer. */
export interface Probe {
  readonly target: NodeId
  readonly sequence: number
  /** When others are asked; null once they were. */
  indirectAtMs: number | null
  /** When the target is suspected. */
  failsAtMs: number
}

/**
 * Takes each member once before any of them again, in an order that is drawn anew for each round
 * (SWIM, section 4.3), so that the time to the first probe of a dead member is bounded.
 */
export class ProbeCycle {
  #order: NodeId[] = []
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  next(members: readonly Member[]): Member | undefined {
    const byId = new Map(members.map((member) => [member.nodeId, member]))
    for (let round = 0; round < 2; round++) {
      for (;;) {
        const id = this.#order.pop()
        if (id === undefined) break
        const member = byId.get(id)
        if (member !== undefined) return member
      }
      this.#order = this.#random.shuffle([...byId.keys()])
    }
    return undefined
  }
}
