import { BoundedMap, ByteReader, type Scheduler } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { IncomingLane, Session } from '../ports.ts'
import {
  decodeHeaders,
  envelopeBit,
  type Failure,
  messageFrame,
  noHeaders,
} from '../wire/message-frames.ts'
import type { ControlWriter } from './control-writer.ts'
import { declaredFailure, handlerFailure, isTooLarge, refusal, tooLarge } from './failure.ts'
import {
  HandlerContext,
  type Handlers,
  isThenable,
  type Origin,
  type RequestHandler,
} from './handlers.ts'
import type { Owns } from './inbound-messages.ts'

/** Answers the requests of one incoming lane: each gets exactly one reply or failure. */
export class InboundRequests {
  readonly #lane: IncomingLane
  readonly #session: Session
  readonly #control: ControlWriter
  readonly #handlers: Handlers
  readonly #owns: Owns
  readonly #scheduler: Scheduler
  readonly #codec: PayloadCodec
  readonly #bytesMax: number
  readonly #onBroken: (what: string) => void
  readonly #origin: Origin
  readonly #contexts: BoundedMap<number, HandlerContext>
  /** The sequence of the last request that has arrived. */
  #arrived = 0
  /** Requests whose cancellation has overtaken them; as many as there may be contexts. */
  readonly #cancelledAhead = new Set<number>()

  constructor(options: {
    lane: IncomingLane
    session: Session
    control: ControlWriter
    handlers: Handlers
    owns: Owns
    scheduler: Scheduler
    idPrefix: string
    codec: PayloadCodec
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
    this.#codec = options.codec
    this.#bytesMax = options.bytesMax
    this.#onBroken = options.onBroken
    this.#contexts = new BoundedMap(options.contextsMax)
    this.#origin = {
      from: options.session.peer,
      application: options.lane.application,
      lane: options.lane.name,
      idPrefix: options.idPrefix,
      node: options.handlers.node,
    }
  }

  frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new ByteReader(bytes, start, end)
    const deadlineMs = reader.varint()
    const bits = reader.u8()
    if (type !== messageFrame.request || reader.failed) {
      return this.#onBroken(`frame type ${type} on a lane of requests`)
    }
    const { key, method } = (bits & envelopeBit.headers) === 0 ? noHeaders : decodeHeaders(reader)
    if (reader.failed) return this.#onBroken('the headers of a request do not decode')
    this.#handlers.counters.received += 1
    this.#arrived = sequence
    if (this.#cancelledAhead.delete(sequence)) return
    const handler = this.#handlers.requestHandler(method)
    if (handler === null) {
      const message = this.#handlers.noHandler('request', method)
      return this.#fail(sequence, refusal('ERR_NODOSUM_NO_HANDLER', message))
    }
    const problem = this.#problem(key)
    if (problem !== null) return this.#fail(sequence, problem)
    const context = new HandlerContext(this.#origin, sequence, key, deadlineMs)
    if (!this.#contexts.set(sequence, context)) return this.#fail(sequence, overload(this.#origin))
    const body = reader.rest()
    const cbor = (bits & envelopeBit.cbor) !== 0
    const untilMs = this.#scheduler.nowMs() + deadlineMs
    const admitted = this.#handlers.admitRequest(() =>
      this.#start(sequence, handler, body, cbor, context, untilMs),
    )
    if (!admitted) {
      this.#contexts.delete(sequence)
      this.#fail(sequence, overload(this.#origin))
    }
  }

  /** The caller gave up; the request itself may still wait in its lane. */
  cancel(sequence: number): void {
    this.#contexts.get(sequence)?.abort()
    const isAhead = sequence > this.#arrived && this.#cancelledAhead.size < this.#contexts.max
    if (isAhead) this.#cancelledAhead.add(sequence)
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
    handler: RequestHandler,
    body: Uint8Array,
    cbor: boolean,
    context: HandlerContext,
    untilMs: number,
  ): void {
    // The caller has given up; nobody waits for a result.
    const isLate = context.aborted || this.#scheduler.nowMs() > untilMs
    if (isLate) return this.#finish(sequence)
    let payload: unknown
    try {
      payload = this.#codec.decode(body, cbor)
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
      const { bytes, cbor } = this.#codec.encode(value, 'reply')
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
    this.#fail(sequence, declaredFailure(error, this.#codec, this.#bytesMax))
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
