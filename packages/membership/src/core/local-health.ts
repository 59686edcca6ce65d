/** Lifeguard's bound of the multiplier. */
const scoreMax = 7
/** An event loop that holds packets back for so long makes this node a bad witness. */
const loopDelayBadMs = 250

/**
 * Lifeguard's local health: how much this node distrusts its own view of others. 0 is healthy; each
 * point stretches its probe periods, timeouts and suspicions by one. It hears failed probes, missed
 * nacks, its own refutations, late timers, and the delay of the event loop.
 */
export class LocalHealth {
  #score = 0

  /** From 0 to 7. */
  get score(): number {
    return this.#score
  }

  get multiplier(): number {
    return this.#score + 1
  }

  probeSucceeded(): void {
    this.#add(-1)
  }

  /** @param missedNacks of those who were asked to probe, how many did not even say no */
  probeFailed(asked: number, missedNacks: number): void {
    this.#add(asked === 0 ? 1 : missedNacks)
  }

  /** Others took this node for dead: probably it is slow. */
  refuted(): void {
    this.#add(1)
  }

  /** A timer fired so late that this process must have stood still. */
  stalled(latenessMs: number): void {
    this.#add(latenessMs >= 2_000 ? 2 : 1)
  }

  loopDelayed(delayMs: number): void {
    if (delayMs >= loopDelayBadMs) this.#add(1)
  }

  #add(points: number): void {
    this.#score = Math.max(0, Math.min(scoreMax, this.#score + points))
  }
}
