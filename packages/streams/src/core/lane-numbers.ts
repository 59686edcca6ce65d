/** Numbers that came while a lower one had not. A peer that skips more does not count. */
const aheadMax = 4_096

/**
 * Which numbers of lanes a peer has used. It gives them one after the other, and they may arrive
 * in another order; so all up to one are used, and few after it.
 */
export class LaneNumbers {
  #allUpTo = 0
  readonly #ahead = new Set<number>()

  has(number: number): boolean {
    return number <= this.#allUpTo || this.#ahead.has(number)
  }

  /** False when the peer has used it before, or skips too many. */
  use(number: number): boolean {
    if (this.has(number) || this.#ahead.size >= aheadMax) return false
    this.#ahead.add(number)
    while (this.#ahead.delete(this.#allUpTo + 1)) this.#allUpTo += 1
    return true
  }
}
