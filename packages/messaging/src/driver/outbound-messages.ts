import { BoundedMap, BoundedQueue, type ErrorCode, NodosumError } from '@nodosum/kernel'
import type { EncodedPayload } from '../adapters/cbor-payload.ts'
import { type DeliveryCounters, LaneLedger } from '../core/delivery-ledger.ts'
import type { LaneRefusal, OutgoingLane, Session } from '../ports.ts'
import { envelopeBit } from '../wire/envelope.ts'
import { type Failure, messageFrame } from '../wire/message-frames.ts'
import { errorOf, isTooLarge, laneError, tooLarge } from './failure.ts'

/** Hears how a message ended whose caller asked for a confirmation. */
export interface Confirmation {
  readonly confirmed: () => void
  readonly failed: (error: NodosumError) => void
}

/** Told about each accepted message that did not end as delivered. */
export type OnUndelivered = (messageId: string, to: string, code: ErrorCode) => void

/** The messages of one lane to one process of a peer, over one session. */
export class OutboundMessages {
  readonly lane: OutgoingLane
  /** Told when the peer does not take the lane; what waits for it waits in vain. */
  onRefused: ((error: NodosumError) => void) | null = null
  readonly #session: Session
  readonly #ledger: LaneLedger
  readonly #counters: DeliveryCounters
  readonly #inFlightMax: number
  readonly #bytesMax: number
  readonly #idPrefix: string
  readonly #onUndelivered: OnUndelivered
  readonly #started: BoundedQueue<{ sequence: number; confirmation: Confirmation }>
  readonly #handled: BoundedMap<number, Confirmation>
  readonly #rejected = new Map<number, NodosumError>()

  constructor(options: {
    lane: OutgoingLane
    session: Session
    counters: DeliveryCounters
    inFlightMax: number
    bytesMax: number
    idPrefix: string
    onUndelivered: OnUndelivered
  }) {
    this.lane = options.lane
    this.#session = options.session
    this.#counters = options.counters
    this.#inFlightMax = options.inFlightMax
    this.#bytesMax = options.bytesMax
    this.#idPrefix = options.idPrefix
    this.#onUndelivered = options.onUndelivered
    // OPEN took the lane's first sequence.
    this.#ledger = new LaneLedger(options.counters, options.lane.sequence + 1)
    this.#started = new BoundedQueue(options.inFlightMax)
    this.#handled = new BoundedMap(options.inFlightMax)
  }

  get inFlight(): number {
    return this.#ledger.inFlight
  }

  /** Those in flight of which no handler is known to have started. */
  get notStarted(): number {
    return this.#ledger.notStarted
  }

  /** Every message is confirmed as far as its caller asked. */
  get isIdle(): boolean {
    return this.#ledger.inFlight === 0
  }

  /** Accepts one message, or says with which code not. */
  offer(
    payload: EncodedPayload,
    headers: Uint8Array | null,
    confirm: 'accepted' | 'received' | 'handled',
    confirmation: Confirmation | null,
  ): 'accepted' | ErrorCode {
    const { lane } = this
    if (lane.closed) return 'ERR_NODOSUM_NOT_CONNECTED'
    const { bytes, cbor } = payload
    const headerLength = headers === null ? 0 : headers.length
    const length = 1 + headerLength + bytes.length
    if (isTooLarge(bytes.length, headerLength, this.#bytesMax)) {
      return 'ERR_NODOSUM_MESSAGE_TOO_LARGE'
    }
    if (this.#ledger.inFlight >= this.#inFlightMax || !lane.hasRoom(length)) {
      return 'ERR_NODOSUM_BACKPRESSURE'
    }
    let at = lane.frame(messageFrame.message, 0, length)
    const { buffer } = lane
    buffer[at++] =
      (cbor ? envelopeBit.cbor : 0) |
      (confirm === 'handled' ? envelopeBit.confirmHandled : 0) |
      (headers === null ? 0 : envelopeBit.headers)
    if (headers !== null) {
      buffer.set(headers, at)
      at += headers.length
    }
    buffer.set(bytes, at)
    const { sequence } = lane
    this.#ledger.accept(sequence, confirm === 'handled')
    if (confirmation !== null) {
      if (confirm === 'handled') this.#handled.set(sequence, confirmation)
      else this.#started.offer({ sequence, confirmation })
    }
    return 'accepted'
  }

  /** What is wrong with a message that `offer` calls too large. */
  tooLarge(payload: EncodedPayload, headers: Uint8Array | null): NodosumError {
    const what = `the message to ${this.#session.peer}`
    return tooLarge(what, payload.bytes.length, headers?.length ?? 0, this.#bytesMax)
  }

  /** STARTED: the handlers of everything up to `sequence` have started. */
  started(sequence: number): void {
    if (!this.#ledger.settle(sequence)) return this.#broken('STARTED')
    for (;;) {
      const next = this.#started.peek()
      if (next === undefined || next.sequence > sequence) break
      this.#started.poll()
      const rejection = this.#rejected.get(next.sequence)
      if (rejection === undefined) next.confirmation.confirmed()
      else next.confirmation.failed(rejection)
    }
    for (const each of this.#rejected.keys()) if (each <= sequence) this.#rejected.delete(each)
    // Room can come from messages that ended as well as from bytes that left.
    this.lane.onRoom?.()
  }

  /** HANDLED: one handler has finished. */
  handled(sequence: number, failure: Failure | null): void {
    if (!this.#ledger.handle(sequence)) return
    const confirmation = this.#handled.get(sequence)
    this.#handled.delete(sequence)
    if (failure === null) confirmation?.confirmed()
    else confirmation?.failed(errorOf(failure, this.#session.peer))
    this.lane.onRoom?.()
  }

  /** REFUSED: one message never reached a handler. */
  refused(sequence: number, failure: Failure): void {
    if (!this.#ledger.reject(sequence)) return this.#broken('REFUSED')
    const error = errorOf(failure, this.#session.peer)
    const handled = this.#handled.get(sequence)
    this.#handled.delete(sequence)
    handled?.failed(error)
    // At most as many as are in flight; the next STARTED takes them away.
    this.#rejected.set(sequence, error)
    this.#onUndelivered(this.#idPrefix + sequence, this.#session.peer, error.code)
  }

  /** The session is gone. */
  lost(reason: NodosumError): void {
    this.#fail(this.#unconfirmed('its session ended', reason), 'unknown')
  }

  /** The peer does not take the lane, or no longer. */
  laneRefused(refusal: LaneRefusal, isUntouched: boolean): void {
    const reason = laneError(refusal, this.#session.peer)
    if (isUntouched) this.#fail(reason, 'rejected')
    else this.#fail(this.#unconfirmed('it refused the lane', reason), 'unknown')
    this.onRefused?.(reason)
  }

  #unconfirmed(event: string, reason: NodosumError): NodosumError {
    const message = `${this.#session.peer} did not confirm before ${event}: ${reason.message}`
    return new NodosumError('ERR_NODOSUM_DELIVERY_UNKNOWN', message, { cause: reason })
  }

  #fail(error: NodosumError, as: 'unknown' | 'rejected'): void {
    for (const sequence of this.#ledger.lose(as)) {
      this.#onUndelivered(this.#idPrefix + sequence, this.#session.peer, error.code)
    }
    for (const { sequence, confirmation } of this.#started.clear()) {
      confirmation.failed(this.#rejected.get(sequence) ?? error)
    }
    for (const confirmation of this.#handled.values()) confirmation.failed(error)
    this.#handled.clear()
    this.#rejected.clear()
  }

  #broken(frame: string): void {
    const what = `${frame} from ${this.#session.peer} names a message that is not in flight`
    this.#session.end(new NodosumError('ERR_NODOSUM_DECODE_FAILED', what))
  }
}
