import type { Random } from '@nodosum/kernel'
import type { Tally } from './counters.ts'
import type { LinkFaults } from './faults.ts'

/** A wire that sends one thing after another at a limited rate. */
export class Wire {
  #freeAtMs = 0

  /** Bytes that are booked and not sent yet. */
  backlogBytes(nowMs: number, bytesPerSecond: number): number {
    return (Math.max(0, this.#freeAtMs - nowMs) * bytesPerSecond) / 1_000
  }

  /** Books the wire. @returns when the last bit is out, and whether earlier traffic was in the way */
  book(
    nowMs: number,
    sizeBytes: number,
    bytesPerSecond: number | null,
  ): { readonly sentAtMs: number; readonly waited: boolean } {
    if (bytesPerSecond === null) {
      this.#freeAtMs = nowMs
      return { sentAtMs: nowMs, waited: false }
    }
    const waited = this.#freeAtMs > nowMs
    const startMs = Math.max(nowMs, this.#freeAtMs)
    this.#freeAtMs = startMs + (sizeBytes * 1_000) / bytesPerSecond
    return { sentAtMs: this.#freeAtMs, waited }
  }
}

/** Moments in which nothing moves, begun by chance. */
export class Stalls {
  readonly #random: Random
  #untilMs = Number.NEGATIVE_INFINITY

  constructor(random: Random) {
    this.#random = random
  }

  /** When what comes now may go on; now, unless a stall is on or begins with it. */
  passesAtMs(nowMs: number, { stall, stallShare, stallTimeMs }: LinkFaults, tally: Tally): number {
    if (nowMs >= this.#untilMs && hits(this.#random, stallShare))
      this.#untilMs = nowMs + stallTimeMs
    if (stall || nowMs < this.#untilMs) tally.stall += 1
    return Math.max(nowMs, this.#untilMs)
  }
}

/** How long the way is: `delayMs`, give or take up to `jitterMs`, every value equally likely. */
export function wayMs({ delayMs, jitterMs }: LinkFaults, random: Random, tally: Tally): number {
  if (delayMs > 0) tally.delay += 1
  if (jitterMs === 0) return delayMs
  tally.jitter += 1
  return delayMs + (2 * random.float() - 1) * jitterMs
}

/** Draws only for a share above 0, so that a fault which is off costs nothing. */
export function hits(random: Random, share: number): boolean {
  return share > 0 && random.float() < share
}
