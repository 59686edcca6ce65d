import type { Random } from '@nodosum/kernel'
import { withFlippedBits } from './bit-flips.ts'
import type { Tally } from './counters.ts'
import type { TcpFaults } from './faults.ts'
import { hits, Stalls, type Wire, wayMs } from './link.ts'

/** Bytes that are to go on, and when. */
export interface Passage {
  readonly atMs: number
  readonly bytes: Uint8Array
}

/**
 * Decides what becomes of the chunks of one connection in one direction: they are late or changed,
 * but never out of order and never missing.
 */
export class StreamFaults {
  readonly #tally: Tally
  readonly #wire: Wire
  readonly #stalls: Stalls
  readonly #corruption: Random
  readonly #jitter: Random
  #lastAtMs = Number.NEGATIVE_INFINITY

  /** @param wire what the connections of a direction share */
  constructor(random: Random, tally: Tally, wire: Wire) {
    this.#tally = tally
    this.#wire = wire
    this.#stalls = new Stalls(random.stream('stall'))
    this.#corruption = random.stream('corruption')
    this.#jitter = random.stream('jitter')
  }

  /** An empty chunk stands for the end of the stream, which takes its time as well. */
  decide(nowMs: number, bytes: Uint8Array, faults: TcpFaults): Passage {
    const tally = this.#tally
    const { sentAtMs, waited } = this.#wire.book(nowMs, bytes.length, faults.rateBytesPerSecond)
    if (waited) tally.rate += 1
    const passesAtMs = this.#stalls.passesAtMs(nowMs, faults, tally)
    const arrivesAtMs = Math.max(sentAtMs, passesAtMs) + wayMs(faults, this.#jitter, tally)
    const atMs = Math.max(this.#lastAtMs, arrivesAtMs)
    this.#lastAtMs = atMs
    if (bytes.length === 0 || !hits(this.#corruption, faults.corruption)) return { atMs, bytes }
    tally.corruption += 1
    return { atMs, bytes: withFlippedBits(bytes, faults.corruptionBits, this.#corruption) }
  }
}
