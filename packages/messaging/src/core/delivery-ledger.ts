/** Counters of one application, as seen from the sending side unless said otherwise. */
export interface DeliveryCounters {
  accepted: number
  delivered: number
  rejected: number
  expired: number
  unknown: number
  /** Refused before acceptance: not part of the equation. */
  refused: number
  /** Messages and requests that arrived here. */
  received: number
  /** Handlers of this node that threw or rejected. */
  handlerErrors: number
}

export function newDeliveryCounters(): DeliveryCounters {
  return {
    accepted: 0,
    delivered: 0,
    rejected: 0,
    expired: 0,
    unknown: 0,
    refused: 0,
    received: 0,
    handlerErrors: 0,
  }
}

/** What the conservation equation leaves: accepted and not ended. */
export function inFlight(counters: DeliveryCounters): number {
  const { accepted, delivered, rejected, expired, unknown } = counters
  return accepted - delivered - rejected - expired - unknown
}

/**
 * What became of the messages of one lane to one process, by their sequences, which are
 * consecutive: everything up to `settled` has ended, except what is listed as rejected it was
 * delivered. So a fire-and-forget message costs no entry in any table.
 */
export class LaneLedger {
  /** The last accepted sequence. */
  accepted: number
  /** Every sequence up to this one has ended. */
  settled: number
  /** Sequences after `settled` that were rejected. At most as many as are in flight. */
  readonly #rejectedAhead = new Set<number>()
  readonly #counters: DeliveryCounters

  constructor(counters: DeliveryCounters, firstSequence: number) {
    this.#counters = counters
    this.accepted = firstSequence - 1
    this.settled = firstSequence - 1
  }

  get inFlight(): number {
    return this.accepted - this.settled - this.#rejectedAhead.size
  }

  accept(sequence: number): void {
    this.accepted = sequence
    this.#counters.accepted += 1
  }

  /** False for a sequence that is not in flight: the peer does not follow the protocol. */
  reject(sequence: number): boolean {
    if (sequence <= this.settled || sequence > this.accepted) return false
    if (this.#rejectedAhead.has(sequence)) return false
    this.#rejectedAhead.add(sequence)
    this.#counters.rejected += 1
    return true
  }

  /** The handlers of everything up to `sequence` have started, or were rejected before. */
  settle(sequence: number): boolean {
    if (sequence < this.settled || sequence > this.accepted) return false
    let ended = sequence - this.settled
    if (this.#rejectedAhead.size > 0) {
      for (let each = this.settled + 1; each <= sequence; each++) {
        if (this.#rejectedAhead.delete(each)) ended -= 1
      }
    }
    this.#counters.delivered += ended
    this.settled = sequence
    return true
  }

  /** The process or the connection died: what is in flight stays unknown. Returns how many. */
  lose(): number {
    const lost = this.inFlight
    this.#counters.unknown += lost
    this.settled = this.accepted
    this.#rejectedAhead.clear()
    return lost
  }
}
