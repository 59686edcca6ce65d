import {
  BoundedMap,
  NodosumError,
  type Scheduler,
  type TimerHandle,
  varintLength,
  writeVarint,
} from '@nodosum/kernel'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { LaneRefusal, OutgoingLane, Session } from '../ports.ts'
import { envelopeBit } from '../wire/envelope.ts'
import { type Failure, messageFrame } from '../wire/message-frames.ts'
import { errorOf, isTooLarge, laneError, tooLarge } from './failure.ts'

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: NodosumError) => void
  readonly timer: TimerHandle
  readonly release: (() => void) | null
}

/** One application's requests to one process of a peer, over one session. */
export class OutboundRequests {
  readonly lane: OutgoingLane
  readonly #session: Session
  readonly #counters: DeliveryCounters
  readonly #scheduler: Scheduler
  readonly #codec: PayloadCodec
  readonly #bytesMax: number
  readonly #pending: BoundedMap<number, Pending>

  constructor(options: {
    lane: OutgoingLane
    session: Session
    counters: DeliveryCounters
    scheduler: Scheduler
    codec: PayloadCodec
    bytesMax: number
    pendingMax: number
  }) {
    this.lane = options.lane
    this.#session = options.session
    this.#counters = options.counters
    this.#scheduler = options.scheduler
    this.#codec = options.codec
    this.#bytesMax = options.bytesMax
    this.#pending = new BoundedMap(options.pendingMax)
  }

  get pending(): number {
    return this.#pending.size
  }

  get isIdle(): boolean {
    return this.#pending.size === 0
  }

  /**
   * Sends one request.
   *
   * Rejects with `BACKPRESSURE`, `LIMIT_PENDING`, `MESSAGE_TOO_LARGE` or `NOT_CONNECTED` when it
   * was not accepted; else with `REQUEST_TIMEOUT`, `CANCELLED`, `DELIVERY_UNKNOWN`, or what the
   * peer answered.
   */
  request(
    payload: EncodedPayload,
    headers: Uint8Array | null,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { lane } = this
      const peer = this.#session.peer
      const { bytes, cbor } = payload
      const deadline = Math.max(1, Math.ceil(timeoutMs))
      const headerLength = headers === null ? 0 : headers.length
      const length = varintLength(deadline) + 1 + headerLength + bytes.length
      if (lane.closed) {
        return reject(new NodosumError('ERR_NODOSUM_NOT_CONNECTED', `no session to ${peer}`))
      }
      if (isTooLarge(bytes.length, headerLength, this.#bytesMax)) {
        const what = `the request to ${peer}`
        return reject(tooLarge(what, bytes.length, headerLength, this.#bytesMax))
      }
      if (this.#pending.isFull) {
        const message = `${this.#pending.max} requests to ${peer} wait (pendingRequestsMax)`
        return reject(new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message))
      }
      if (!lane.hasRoom(length)) {
        const message = `the buffer of requests to ${peer} is full`
        return reject(new NodosumError('ERR_NODOSUM_BACKPRESSURE', message))
      }
      let at = lane.frame(messageFrame.request, 0, length)
      const { buffer, sequence } = lane
      at = writeVarint(buffer, at, deadline)
      buffer[at++] = (cbor ? envelopeBit.cbor : 0) | (headers === null ? 0 : envelopeBit.headers)
      if (headers !== null) {
        buffer.set(headers, at)
        at += headerLength
      }
      buffer.set(bytes, at)
      this.#counters.accepted += 1
      const timer = this.#scheduler.after(timeoutMs, () =>
        this.#giveUp(
          sequence,
          new NodosumError(
            'ERR_NODOSUM_REQUEST_TIMEOUT',
            `${peer} did not reply within ${Math.round(timeoutMs)} ms`,
            { details: { node: peer } },
          ),
        ),
      )
      let release: (() => void) | null = null
      if (signal !== undefined) {
        const cancel = (): void =>
          this.#giveUp(
            sequence,
            new NodosumError('ERR_NODOSUM_CANCELLED', 'the request was aborted by its caller'),
          )
        signal.addEventListener('abort', cancel, { once: true })
        release = () => signal.removeEventListener('abort', cancel)
      }
      this.#pending.set(sequence, { resolve, reject, timer, release })
    })
  }

  reply(sequence: number, cbor: boolean, bytes: Uint8Array): void {
    const pending = this.#take(sequence)
    if (pending === null) return
    this.#counters.delivered += 1
    try {
      pending.resolve(this.#codec.decode(bytes, cbor))
    } catch (error) {
      pending.reject(error as NodosumError)
    }
  }

  failed(sequence: number, failure: Failure): void {
    const pending = this.#take(sequence)
    if (pending === null) return
    const error = errorOf(failure, this.#session.peer)
    if (error.code === 'ERR_NODOSUM_REMOTE_ERROR') this.#counters.delivered += 1
    else this.#counters.rejected += 1
    pending.reject(error)
  }

  /** The session is gone: whether the handlers ran is unknown. */
  lost(reason: NodosumError): void {
    this.#fail(this.#unanswered('session', reason), 'unknown')
  }

  /** The peer does not take the lane, or no longer. */
  laneRefused(refusal: LaneRefusal, isUntouched: boolean): void {
    const reason = laneError(refusal, this.#session.peer)
    if (isUntouched) this.#fail(reason, 'rejected')
    else this.#fail(this.#unanswered('lane', reason), 'unknown')
  }

  #unanswered(what: string, reason: NodosumError): NodosumError {
    const { peer } = this.#session
    const message = `the ${what} to ${peer} ended before the reply: ${reason.message}`
    const details = { node: peer }
    return new NodosumError('ERR_NODOSUM_DELIVERY_UNKNOWN', message, { cause: reason, details })
  }

  #fail(error: NodosumError, as: 'unknown' | 'rejected'): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    this.#counters[as] += all.length
    for (const pending of all) {
      pending.timer.cancel()
      pending.release?.()
      pending.reject(error)
    }
  }

  /** A reply that comes after its request was given up finds nothing, which is all right. */
  #take(sequence: number): Pending | null {
    const pending = this.#pending.get(sequence)
    if (pending === undefined) return null
    this.#pending.delete(sequence)
    pending.timer.cancel()
    pending.release?.()
    return pending
  }

  #giveUp(sequence: number, error: NodosumError): void {
    const pending = this.#take(sequence)
    if (pending === null) return
    this.#counters.unknown += 1
    if (!this.#session.closed) {
      const { stream } = this.lane
      const length = varintLength(stream) + varintLength(sequence)
      const at = this.#session.controlFrame(messageFrame.cancel, length)
      const { buffer } = this.#session.control
      writeVarint(buffer, writeVarint(buffer, at, stream), sequence)
    }
    pending.reject(error)
  }
}
