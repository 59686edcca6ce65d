import { BoundedMap, ByteReader, type Scheduler } from '@nodosum/kernel'
import { decodePayload, encodePayload } from '../adapters/cbor-payload.ts'
import type { IncomingLane, Session } from '../ports.ts'
import { decodeHeaders, envelopeBit, type Failure, messageFrame } from '../wire/message-frames.ts'
import type { ControlWriter } from './control-writer.ts'
import { handlerFailure, isTooLarge, refusal, tooLarge } from './failure.ts'
import { HandlerContext, type Handlers, isThenable } from './handlers.ts'
import type { Owns } from './inbound-messages.ts'

/** Answers the requests of one incoming lane: each gets exactly one reply or failure. */
export class InboundRequests {
  readonly #lane: IncomingLane
  readonly #session: Session
  readonly #control: ControlWriter
  readonly #handlers: Handlers
  readonly #owns: Owns
  readonly #scheduler: Scheduler
  readonly #bytesMax: number
  readonly #onBroken: (what: string) => void
  readonly #origin: { from: string; application: string; lane: string; idPrefix: string }
  readonly #contexts: BoundedMap<number, HandlerContext>

  constructor(options: {
    lane: IncomingLane
    session: Session
    control: ControlWriter
    handlers: Handlers
    owns: Owns
    scheduler: Scheduler
    idPrefix: string
    bytesMax: number
    contextsMax: number
    onBroken: (what: string) => void
  }) {
    this.#lane = options.lane
    this.#session = options.session
    this.#control = options.control
    this.#handlers = options.handlers
    this.#owns = options.owns
    this.#scheduler = options.scheduler
    this.#bytesMax = options.bytesMax
    this.#onBroken = options.onBroken
    this.#contexts = new BoundedMap(options.contextsMax)
    this.#origin = {
      from: options.session.peer,
      application: options.lane.application,
      lane: options.lane.name,
      idPrefix: options.idPrefix,
    }
  }

  frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new ByteReader(bytes, start, end)
    const deadlineMs = reader.varint()
    const bits = reader.u8()
    if (type !== messageFrame.request || reader.failed) {
      return this.#onBroken(`frame type ${type} on a lane of requests`)
    }
    const key = (bits & envelopeBit.headers) === 0 ? null : decodeHeaders(reader).key
    if (reader.failed) return this.#onBroken('the headers of a request do not decode')
    this.#handlers.counters.received += 1
    const problem = this.#problem(key)
    if (problem !== null) return this.#fail(sequence, problem)
    const context = new HandlerContext(this.#origin, sequence, key, deadlineMs)
    if (!this.#contexts.set(sequence, context)) return this.#fail(sequence, overload(this.#origin))
    const body = reader.rest()
    const cbor = (bits & envelopeBit.cbor) !== 0
    const untilMs = this.#scheduler.nowMs() + deadlineMs
    const admitted = this.#handlers.admitRequest(() =>
      this.#start(sequence, body, cbor, context, untilMs),
    )
    if (!admitted) {
      this.#contexts.delete(sequence)
      this.#fail(sequence, overload(this.#origin))
    }
  }

  /** The caller gave up. */
  cancel(sequence: number): void {
    this.#contexts.get(sequence)?.abort()
  }

  /** No request runs or waits. */
  get isIdle(): boolean {
    return this.#contexts.size === 0
  }

  closed(): void {
    for (const context of this.#contexts.values()) context.abort()
  }

  #problem(key: string | null): Failure | null {
    const { application } = this.#origin
    if (this.#handlers.onRequest === null) {
      return refusal(
        'ERR_NODOSUM_NO_HANDLER',
        `${application} has no request handler: onRequest registers one, before others ask`,
      )
    }
    if (this.#handlers.draining) {
      return refusal('ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    }
    if (key !== null && !this.#owns(application, key)) {
      return refusal('ERR_NODOSUM_NOT_OWNER', `not the owner of ${key}`)
    }
    if (this.#session.controlIsLate) return overload(this.#origin)
    return null
  }

  #start(
    sequence: number,
    body: Uint8Array,
    cbor: boolean,
    context: HandlerContext,
    untilMs: number,
  ): void {
    const handler = this.#handlers.onRequest
    // The caller has given up; nobody waits for a result.
    const isLate = context.aborted || this.#scheduler.nowMs() > untilMs
    if (handler === null || isLate) return this.#finish(sequence)
    let payload: unknown
    try {
      payload = decodePayload(body, cbor)
    } catch (error) {
      this.#fail(sequence, refusal('ERR_NODOSUM_PAYLOAD_INVALID', (error as Error).message))
      return this.#finish(sequence)
    }
    let result: unknown
    try {
      result = handler(payload, context)
    } catch (error) {
      return this.#threw(sequence, error)
    }
    if (!isThenable(result)) return this.#reply(sequence, result)
    result.then(
      (reply) => this.#reply(sequence, reply),
      (error: unknown) => this.#threw(sequence, error),
    )
  }

  #reply(sequence: number, value: unknown): void {
    let failure: Failure | null = null
    try {
      const { bytes, cbor } = encodePayload(value, 'reply')
      if (isTooLarge(bytes.length, 0, this.#bytesMax)) {
        // The handler has run: this is its failure, no refusal.
        failure = handlerFailure(tooLarge('the reply', bytes.length, 0, this.#bytesMax))
      } else this.#control.reply(this.#lane.stream, sequence, cbor, bytes)
    } catch (error) {
      failure = handlerFailure(error)
    }
    if (failure !== null) this.#fail(sequence, failure)
    this.#finish(sequence)
  }

  #threw(sequence: number, error: unknown): void {
    this.#handlers.failed('request', this.#session.peer, error)
    this.#fail(sequence, handlerFailure(error))
    this.#finish(sequence)
  }

  #fail(sequence: number, failure: Failure): void {
    this.#control.failure(messageFrame.failure, this.#lane.stream, sequence, failure)
  }

  #finish(sequence: number): void {
    this.#contexts.delete(sequence)
    this.#handlers.requestFinished()
  }
}

function overload(origin: { application: string }): Failure {
  return refusal('ERR_NODOSUM_OVERLOAD', `${origin.application} has as many requests as it may`)
}
