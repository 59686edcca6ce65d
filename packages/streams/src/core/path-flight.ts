import type { SessionRules } from './rules.ts'

/** Shorter times say nothing: the clock and the turns of two event loops are as coarse. */
const elapsedMsMin = 0.05

/** A lower rate counts for so much of the one that was known. */
const slowdownShare = 1 / 8

/**
 * The bytes of lanes that were handed to one connection and have not arrived at its other end,
 * wherever they are: in the transport, in a socket, in the network. The peer says how much has
 * arrived. From that follow the rate of the path and its round trip without a queue; so much fills
 * it, and everything beyond it only waits somewhere, in front of whatever is handed over next.
 */
export class PathFlight {
  #handedBytes = 0
  #arrivedBytes = 0
  /** Lanes were held back since the mark was set, so that the path was full. */
  #isFull = false
  #markBytes: number | null = null
  #markMs = 0
  #markArrivedBytes = 0
  #bytesPerMs = 0
  #roundTripMs = Number.POSITIVE_INFINITY
  readonly #rules: SessionRules
  readonly #spareBytes: number

  /** @param spareBytes what may wait on the path beyond what fills it */
  constructor(rules: SessionRules, spareBytes: number) {
    this.#rules = rules
    this.#spareBytes = spareBytes
  }

  /** Bytes that have not arrived, as far as this end has heard. */
  get bytes(): number {
    return this.#handedBytes - this.#arrivedBytes
  }

  /** What fills the path, and some more: ends are not always at work, and a path may get faster. */
  get fillBytes(): number {
    if (this.#bytesPerMs === 0) return this.#spareBytes
    return this.#spareBytes + this.#bytesPerMs * this.#roundTripMs
  }

  /** Whether bytes would not only wait on the path. */
  hasRoom(): boolean {
    if (this.#rules.pathHasRoom(this.bytes, this.fillBytes)) return true
    this.#isFull = true
    return false
  }

  handed(bytes: number, nowMs: number): void {
    this.#handedBytes += bytes
    if (this.#markBytes !== null) return
    this.#markBytes = this.#handedBytes
    this.#markMs = nowMs
    this.#markArrivedBytes = this.#arrivedBytes
    this.#isFull = false
  }

  /** The peer says how much has arrived since the connection began. False when that cannot be. */
  arrived(bytes: number): boolean {
    if (bytes > this.#handedBytes) return false
    if (bytes > this.#arrivedBytes) this.#arrivedBytes = bytes
    return true
  }

  /** The end of a turn: time is known again. */
  turn(nowMs: number): void {
    if (this.#markBytes === null || this.#arrivedBytes < this.#markBytes) return
    this.#markBytes = null
    const elapsedMs = Math.max(elapsedMsMin, nowMs - this.#markMs)
    const bytesPerMs = (this.#arrivedBytes - this.#markArrivedBytes) / elapsedMs
    if (elapsedMs < this.#roundTripMs) this.#roundTripMs = elapsedMs
    if (bytesPerMs >= this.#bytesPerMs) this.#bytesPerMs = bytesPerMs
    // Who had nothing to send learns nothing of a path that got slower.
    else if (this.#isFull) this.#bytesPerMs += (bytesPerMs - this.#bytesPerMs) * slowdownShare
  }
}
