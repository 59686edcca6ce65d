/** Each ping counts for so much of the estimate: about what the last 32 of them came to. */
const weight = 1 / 32
/** However few are answered, nothing is said more than so many times as often. */
const triesMax = 4

/**
 * How many of this node's pings are answered, and so how many packets it takes to be heard. Local
 * health says how well this node is; this says how well its packets get through, wherever they are
 * lost.
 */
export class AnsweredPings {
  #share = 1

  /** Of the latest pings, how many were answered; from 0 to 1. */
  get share(): number {
    return this.#share
  }

  /** So many packets for one answer: 1 on a good network, from 1 to 4. */
  get tries(): number {
    return Math.max(1, Math.min(triesMax, Math.round(1 / Math.max(this.#share, 0.01))))
  }

  sent(): void {
    this.#share -= this.#share * weight
  }

  answered(): void {
    this.#share = Math.min(1, this.#share + weight)
  }
}
