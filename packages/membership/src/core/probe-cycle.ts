import type { Random } from '@nodosum/kernel'
import type { Entry } from './entry.ts'
import { isGone } from './member.ts'

/**
 * Takes each member once before any of them again, in an order that is drawn anew for each round
 * (SWIM, section 4.3), so that the time to the first probe of a dead member is bounded. A newcomer
 * is put at a random place of what is left of the round.
 */
export class ProbeCycle {
  #order: Entry[] = []
  #at = 0
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  add(entry: Entry): void {
    const place = this.#random.integer(this.#at, this.#order.length)
    const moved = this.#order[place]
    this.#order[place] = entry
    if (moved !== undefined) this.#order.push(moved)
  }

  /** The next one who takes part; those who are gone drop out on the way. */
  next(present: readonly Entry[]): Entry | undefined {
    for (let round = 0; round < 2; round += 1) {
      while (this.#at < this.#order.length) {
        const entry = this.#order[this.#at] as Entry
        this.#at += 1
        if (!isGone(entry.state)) return entry
      }
      this.#order = this.#random.shuffle([...present])
      this.#at = 0
    }
    return undefined
  }
}
