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
 * consecutive: everything up to `settled` has started and so was delivered, except what was
 * rejected and what was to be confirmed only once handled. So a fire-and-forget message costs no
 * entry in any table.
 */
export class LaneLedger {
  /** The last accepted sequence. */
  accepted: number
  /** The handlers of every sequence up to this one have started, or never will. */
  settled: number
  /** Sequences after `settled` that have ended. At most as many as are in flight. */
  readonly #endedAhead = new Set<number>()
  /** Sequences that end when they are handled, and have not. At most as many as are in flight. */
  readonly #unhandled = new Set<number>()
  /** How many of them have started. */
  #handling = 0
  readonly #counters: DeliveryCounters

  constructor(counters: DeliveryCounters, firstSequence: number) {
    this.#counters = counters
    this.accepted = firstSequence - 1
    this.settled = firstSequence - 1
  }

  get inFlight(): number {
    return this.notStarted + this.#handling
  }

  /** Those in flight of which no handler is known to have started. */
  get notStarted(): number {
    return this.accepted - this.settled - this.#endedAhead.size
  }

  /** @param untilHandled whether it counts as delivered only once its handler has finished */
  accept(sequence: number, untilHandled: boolean): void {
    this.accepted = sequence
    this.#counters.accepted += 1
    if (untilHandled) this.#unhandled.add(sequence)
  }

  /** False for a sequence that waits for no handler: the peer does not follow the protocol. */
  reject(sequence: number): boolean {
    if (sequence <= this.settled || sequence > this.accepted) return false
    if (this.#endedAhead.has(sequence)) return false
    this.#endedAhead.add(sequence)
    this.#unhandled.delete(sequence)
    this.#counters.rejected += 1
    return true
  }

  /** The handlers of everything up to `sequence` have started, or were rejected before. */
  settle(sequence: number): boolean {
    if (sequence < this.settled || sequence > this.accepted) return false
    let ended = sequence - this.settled
    if (this.#endedAhead.size > 0 || this.#unhandled.size > 0) {
      for (let each = this.settled + 1; each <= sequence; each++) {
        if (this.#endedAhead.delete(each)) ended -= 1
        else if (this.#unhandled.has(each)) {
          ended -= 1
          this.#handling += 1
        }
      }
    }
    this.#counters.delivered += ended
    this.settled = sequence
    return true
  }

  /** The handler has finished, well or not. False unless that is what the message waits for. */
  handle(sequence: number): boolean {
    if (!this.#unhandled.delete(sequence)) return false
    if (sequence > this.settled) this.#endedAhead.add(sequence)
    else this.#handling -= 1
    this.#counters.delivered += 1
    return true
  }

  /**
   * The session or the lane is over: what is in flight stays unknown, or was rejected when none of it
   * reached a handler. Returns its sequences.
   */
  lose(as: 'unknown' | 'rejected' = 'unknown'): number[] {
    const lost = [...this.#unhandled].filter((sequence) => sequence <= this.settled)
    for (let each = this.settled + 1; each <= this.accepted; each++) {
      if (!this.#endedAhead.has(each)) lost.push(each)
    }
    this.#counters[as] += lost.length
    this.settled = this.accepted
    this.#endedAhead.clear()
    this.#unhandled.clear()
    this.#handling = 0
    return lost
  }
}
