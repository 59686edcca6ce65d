import type { Random } from '@nodosum/kernel'
import { withFlippedBits } from './bit-flips.ts'
import type { Tally } from './counters.ts'
import type { UdpFaults } from './faults.ts'
import { hits, Stalls, Wire, wayMs } from './link.ts'

/** A datagram that is to leave, and when. */
export interface Departure {
  readonly atMs: number
  readonly bytes: Uint8Array
}

/**
 * Decides what becomes of the datagrams of one direction. Every fault draws from a stream of its
 * own, so turning one on leaves the others' victims as they were.
 */
export class PacketFaults {
  readonly #tally: Tally
  readonly #wire = new Wire()
  readonly #stalls: Stalls
  readonly #loss: Random
  readonly #duplication: Random
  readonly #reordering: Random
  readonly #corruption: Random
  readonly #jitter: Random

  constructor(random: Random, tally: Tally) {
    this.#tally = tally
    this.#stalls = new Stalls(random.stream('stall'))
    this.#loss = random.stream('loss')
    this.#duplication = random.stream('duplication')
    this.#reordering = random.stream('reordering')
    this.#corruption = random.stream('corruption')
    this.#jitter = random.stream('jitter')
  }

  /** No departure when the datagram vanishes, two when it is duplicated. */
  decide(nowMs: number, bytes: Uint8Array, faults: UdpFaults): readonly Departure[] {
    const tally = this.#tally
    const { blackholeAboveBytes } = faults
    // Drawn before anything is decided: what vanishes for one reason does not shift the others.
    const isLost = hits(this.#loss, faults.loss)
    if (faults.halfOpen) tally.halfOpen += 1
    else if (blackholeAboveBytes !== null && bytes.length > blackholeAboveBytes) {
      tally.blackhole += 1
    } else if (isLost) tally.loss += 1
    else if (hits(this.#duplication, faults.duplication)) {
      tally.duplication += 1
      const copies = [this.#send(nowMs, bytes, faults), this.#send(nowMs, bytes, faults)]
      return copies.filter((copy) => copy !== undefined)
    } else {
      const departure = this.#send(nowMs, bytes, faults)
      return departure === undefined ? [] : [departure]
    }
    return []
  }

  /** Undefined when the queue before the wire is full. */
  #send(nowMs: number, bytes: Uint8Array, faults: UdpFaults): Departure | undefined {
    const tally = this.#tally
    const { rateBytesPerSecond } = faults
    if (
      rateBytesPerSecond !== null &&
      this.#wire.backlogBytes(nowMs, rateBytesPerSecond) + bytes.length > faults.rateQueueBytesMax
    ) {
      tally.overflow += 1
      return undefined
    }
    const { sentAtMs, waited } = this.#wire.book(nowMs, bytes.length, rateBytesPerSecond)
    if (waited) tally.rate += 1
    const passesAtMs = this.#stalls.passesAtMs(nowMs, faults, tally)
    let atMs = Math.max(sentAtMs, passesAtMs) + wayMs(faults, this.#jitter, tally)
    if (hits(this.#reordering, faults.reordering)) {
      tally.reordering += 1
      atMs += faults.reorderByMs
    }
    if (bytes.length === 0 || !hits(this.#corruption, faults.corruption)) return { atMs, bytes }
    tally.corruption += 1
    return { atMs, bytes: withFlippedBits(bytes, faults.corruptionBits, this.#corruption) }
  }
}
