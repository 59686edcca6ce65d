import { BoundedMap, ByteReader, type Scheduler } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { IncomingLane, Session } from '../ports.ts'
import { decodeHeaders, type Envelope, envelopeBit, plainEnvelope } from '../wire/envelope.ts'
import { type Failure, messageFrame } from '../wire/message-frames.ts'
import { admissionProblem } from './admission.ts'
import type { ControlWriter } from './control-writer.ts'
import { declaredFailure, handlerFailure, isTooLarge, refusal, tooLarge } from './failure.ts'
import { HandlerContext, type Origin } from './handler-context.ts'
import { type Handlers, isThenable, type RequestHandler, type Startable } from './handlers.ts'
import type { Owns } from './inbound-messages.ts'

/** A request that waits for its handler or is being handled. */
class Admitted implements Startable {
  readonly sequence: number
  readonly handler: RequestHandler
  readonly body: Uint8Array
  readonly cbor: boolean
  readonly context: HandlerContext
  /** What of the node's memory it keeps. */
  readonly keptBytes: number
  readonly #untilMs: number
  readonly #owner: { start(request: Admitted): void; release(request: Admitted): void }
  readonly #scheduler: Scheduler

  constructor(
    owner: { start(request: Admitted): void; release(request: Admitted): void },
    scheduler: Scheduler,
    request: Pick<Admitted, 'sequence' | 'handler' | 'body' | 'cbor' | 'context' | 'keptBytes'>,
    untilMs: number,
  ) {
    this.sequence = request.sequence
    this.handler = request.handler
    this.body = request.body
    this.cbor = request.cbor
    this.context = request.context
    this.keptBytes = request.keptBytes
    this.#untilMs = untilMs
    this.#owner = owner
    this.#scheduler = scheduler
  }

  /** The caller has cancelled it, or its time is over. */
  get isGivenUp(): boolean {
    return this.context.aborted || this.#scheduler.nowMs() > this.#untilMs
  }

  start(): void {
    this.#owner.start(this)
  }

  drop(): void {
    this.#owner.release(this)
  }
}

/** What a request keeps beside its payload, roughly. */
const contextBytes = 512

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
  readonly #admitted: BoundedMap<number, Admitted>
  /** The sequence of the last request that has arrived. */
  #arrived = 0
  /** Requests whose cancellation has overtaken them; as many as may be admitted. */
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
    admittedMax: number
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
    this.#admitted = new BoundedMap(options.admittedMax)
    this.#origin = {
      from: options.session.peer,
      identity: options.session.uri || null,
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
    const hasHeaders = (bits & envelopeBit.headers) !== 0
    const envelope = hasHeaders ? decodeHeaders(reader) : plainEnvelope
    if (reader.failed) return this.#onBroken('the headers of a request do not decode')
    this.#handlers.counters.received += 1
    this.#arrived = sequence
    if (this.#cancelledAhead.delete(sequence)) return
    const handler = this.#handlers.requestHandler(envelope.method)
    if (handler === null) {
      const message = this.#handlers.noHandler('request', envelope.method)
      return this.#fail(sequence, refusal('ERR_NODOSUM_NO_HANDLER', message))
    }
    const nowMs = this.#scheduler.nowMs()
    const problem = this.#problem(envelope, end - start, nowMs)
    if (problem !== null) return this.#fail(sequence, problem)
    const body = reader.rest()
    const context = new HandlerContext(this.#origin, sequence, envelope, deadlineMs)
    const cbor = (bits & envelopeBit.cbor) !== 0
    const keptBytes = end - start + contextBytes
    const parts = { sequence, handler, body, cbor, context, keptBytes }
    const request = new Admitted(this, this.#scheduler, parts, nowMs + deadlineMs)
    this.#handlers.memory.take(keptBytes)
    if (this.#admitted.set(sequence, request) && this.#handlers.admitRequest(request)) return
    this.release(request)
    this.#fail(sequence, overload(this.#origin))
  }

  /** The caller gave up; the request itself may still wait in its lane. */
  cancel(sequence: number): void {
    this.#admitted.get(sequence)?.context.abort()
    const isAhead = sequence > this.#arrived && this.#cancelledAhead.size < this.#admitted.max
    if (isAhead) this.#cancelledAhead.add(sequence)
  }

  /** No request runs or waits. */
  get isIdle(): boolean {
    return this.#admitted.size === 0
  }

  closed(): void {
    for (const { context } of this.#admitted.values()) context.abort()
  }

  #problem(envelope: Envelope, bytes: number, nowMs: number): Failure | null {
    if (this.#session.controlIsLate) return overload(this.#origin)
    const { from } = this.#origin
    return admissionProblem(this.#handlers, this.#owns, { from, envelope, bytes, nowMs })
  }

  /** For the queue of handlers: its turn has come. */
  start(request: Admitted): void {
    const { sequence, handler, context } = request
    if (request.isGivenUp) return this.#finish(sequence)
    let payload: unknown
    try {
      payload = this.#codec.decode(request.body, request.cbor)
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
    const request = this.#admitted.get(sequence)
    if (request !== undefined) this.release(request)
    this.#handlers.requestFinished()
  }

  /** For the queue of handlers: it is over, or never going to start. */
  release({ sequence, keptBytes }: Admitted): void {
    this.#admitted.delete(sequence)
    this.#handlers.memory.give(keptBytes)
    this.#handlers.policy.quotas.finished(this.#origin.from)
  }
}

function overload(origin: { application: string }): Failure {
  return refusal('ERR_NODOSUM_OVERLOAD', `${origin.application} has as many requests as it may`)
}
