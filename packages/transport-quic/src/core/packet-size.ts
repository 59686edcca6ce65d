/**
 * How large the datagrams to one peer may be (RFC 8899): found with probes that the peer answers,
 * and doubted when packets get lost, because a path may change under a connection.
 */

/** Every network must carry it (RFC 9000, section 14). */
export const packetBytesSafe = 1_200

/** So many probes of one size must stay unanswered, while others come through, to give it up. */
const triesMax = 4
/** After a size was given up, the search begins again; the pause doubles up to the RFC's. */
const firstPauseMs = 5_000
const pauseMsMax = 600_000
/** A probe that found no room in the congestion window waits this long, or for an acknowledgement. */
const roomMs = 20
/** Losses are normal: no more doubts than this, or a lossy path would hardly be used. */
const betweenDoubtsMs = 1_000

/** A probe that is to be sent. */
export interface Probe {
  readonly number: number
  readonly bytes: number
}

/** The size of datagrams on one path. */
export class PacketSize {
  readonly #rungs: readonly number[]
  #bytes: number
  /** The size under examination, and what came of it so far. */
  #wanted: number | null = null
  #tries = 0
  /** Of the first and the last probe of the size under examination. */
  #firstNumber = 0
  #number = 0
  #sentBytes = 0
  #receivedAtProbe = -1
  #dueMs: number = Number.POSITIVE_INFINITY
  /** When the next larger size is examined. */
  #searchMs: number
  #pauseMs = firstPauseMs
  #doubtedMs: number = Number.NEGATIVE_INFINITY

  /**
   * @param rungs sizes above the safe one, ascending: examined one after the other
   * @param bytes the size to begin with
   */
  constructor(rungs: readonly number[], bytes: number, nowMs: number) {
    this.#rungs = rungs
    this.#bytes = bytes
    this.#searchMs = this.#nextRung() === undefined ? Number.POSITIVE_INFINITY : nowMs
  }

  /** The largest datagram to send now. */
  get bytes(): number {
    return this.#bytes
  }

  /** When `next` has something to do. */
  get deadlineMs(): number {
    return this.#wanted === null ? this.#searchMs : this.#dueMs
  }

  /**
   * The probe to send now, or null.
   *
   * @param receivedPackets of the peer, so far: silence about a size means something only when the
   *   peer was heard of since
   */
  next(nowMs: number, receivedPackets: number): Probe | null {
    if (nowMs < this.deadlineMs) return null
    if (this.#wanted === null) this.#examine(this.#nextRung() as number, nowMs)
    else if (this.#receivedAtProbe >= 0) this.#unanswered(nowMs, receivedPackets)
    return this.#wanted === null ? null : { number: this.#number + 1, bytes: this.#wanted }
  }

  /** The probe has left, with so many bytes: a few less than wanted, as far as it could be padded. */
  sent(
    probe: Probe,
    bytes: number,
    nowMs: number,
    timeoutMs: number,
    receivedPackets: number,
  ): void {
    this.#number = probe.number
    this.#sentBytes = bytes
    this.#receivedAtProbe = receivedPackets
    this.#tries += 1
    this.#dueMs = nowMs + timeoutMs
  }

  /** The probe could not leave. */
  hadNoRoom(nowMs: number): void {
    this.#dueMs = nowMs + roomMs
  }

  /** The peer has answered a probe; true when the size changed. */
  answered(number: number, nowMs: number): boolean {
    if (this.#wanted === null || number < this.#firstNumber || number > this.#number) return false
    const before = this.#bytes
    const isSearch = this.#wanted > before && nowMs >= this.#searchMs
    this.#bytes = Math.max(before, this.#sentBytes)
    this.#wanted = null
    this.#pauseMs = firstPauseMs
    if (this.#nextRung() === undefined) this.#searchMs = Number.POSITIVE_INFINITY
    else if (isSearch) this.#searchMs = nowMs
    return this.#bytes !== before
  }

  /**
   * Packets were lost.
   *
   * @param isStuck nothing was acknowledged for a whole probe timeout: until a probe of the size has
   *   come back, only safe packets are sent
   * @returns true when the size changed
   */
  doubt(nowMs: number, isStuck: boolean): boolean {
    const isBusy = this.#wanted !== null || this.#bytes === packetBytesSafe
    if (isBusy || nowMs - this.#doubtedMs < betweenDoubtsMs) return false
    this.#doubtedMs = nowMs
    this.#examine(this.#bytes, nowMs)
    if (isStuck) this.#bytes = packetBytesSafe
    return isStuck
  }

  #nextRung(): number | undefined {
    // What a probe could be padded to is at most 3 bytes less than its rung.
    return this.#rungs.find((rung) => rung > this.#bytes + 3)
  }

  #examine(bytes: number, nowMs: number): void {
    this.#wanted = bytes
    this.#tries = 0
    this.#firstNumber = this.#number + 1
    this.#receivedAtProbe = -1
    this.#dueMs = nowMs
  }

  #unanswered(nowMs: number, receivedPackets: number): void {
    const isInUse = (this.#wanted as number) <= this.#bytes
    if (isInUse) this.#bytes = packetBytesSafe
    // A peer that is silent altogether says nothing about sizes.
    if (receivedPackets === this.#receivedAtProbe) this.#tries -= 1
    if (this.#tries < triesMax) return
    this.#wanted = null
    this.#searchMs = nowMs + this.#pauseMs
    this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMsMax)
  }
}
