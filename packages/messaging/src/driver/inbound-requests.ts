import { BoundedMap, ByteReader, type Scheduler } from '@nodosum/kernel'
import { decodePayload, encodePayload } from '../adapters/cbor-payload.ts'
import type { IncomingLane, Session } from '../ports.ts'
import { decodeHeaders, type Envelope, envelopeBit, plainEnvelope } from '../wire/envelope.ts'
import { type Failure, messageFrame } from '../wire/message-frames.ts'
import type { ControlWriter } from './control-writer.ts'
import { handlerFailure, isTooLarge, refusal, tooLarge } from './failure.ts'
import {
  HandlerContext,
  type Handlers,
  isThenable,
  type Origin,
  type Startable,
} from './handlers.ts'
import type { Owns } from './inbound-messages.ts'

/** A request that waits for its handler or is being handled. */
class Admitted implements Startable {
  readonly sequence: number
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
    request: Pick<Admitted, 'sequence' | 'body' | 'cbor' | 'context' | 'keptBytes'>,
    untilMs: number,
  ) {
    this.sequence = request.sequence
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
  readonly #bytesMax: number
  readonly #onBroken: (what: string) => void
  readonly #origin: Origin
  readonly #admitted: BoundedMap<number, Admitted>

  constructor(options: {
    lane: IncomingLane
    session: Session
    control: ControlWriter
    handlers: Handlers
    owns: Owns
    scheduler: Scheduler
    idPrefix: string
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
    this.#bytesMax = options.bytesMax
    this.#onBroken = options.onBroken
    this.#admitted = new BoundedMap(options.admittedMax)
    this.#origin = {
      from: options.session.peer,
      identity: options.session.uri || null,
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
    const hasHeaders = (bits & envelopeBit.headers) !== 0
    const envelope = hasHeaders ? decodeHeaders(reader) : plainEnvelope
    if (reader.failed) return this.#onBroken('the headers of a request do not decode')
    this.#handlers.counters.received += 1
    const nowMs = this.#scheduler.nowMs()
    const problem = this.#problem(envelope, end - start, nowMs)
    if (problem !== null) return this.#fail(sequence, problem)
    const body = reader.rest()
    const context = new HandlerContext(this.#origin, sequence, envelope, deadlineMs)
    const cbor = (bits & envelopeBit.cbor) !== 0
    const keptBytes = end - start + contextBytes
    const parts = { sequence, body, cbor, context, keptBytes }
    const request = new Admitted(this, this.#scheduler, parts, nowMs + deadlineMs)
    this.#handlers.memory.take(keptBytes)
    if (this.#admitted.set(sequence, request) && this.#handlers.admitRequest(request)) return
    this.release(request)
    this.#fail(sequence, overload(this.#origin))
  }

  /** The caller gave up. */
  cancel(sequence: number): void {
    this.#admitted.get(sequence)?.context.abort()
  }

  /** No request runs or waits. */
  get isIdle(): boolean {
    return this.#admitted.size === 0
  }

  closed(): void {
    for (const { context } of this.#admitted.values()) context.abort()
  }

  #problem({ key, group }: Envelope, bytes: number, nowMs: number): Failure | null {
    const { application, from } = this.#origin
    const { onRequest, draining, policy, memory } = this.#handlers
    if (onRequest === null) {
      return refusal('ERR_NODOSUM_NO_HANDLER', `${application} has no request handler`)
    }
    if (draining) return refusal('ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    if (key !== null && !this.#owns(application, key, group)) {
      return refusal('ERR_NODOSUM_NOT_OWNER', `not the owner of ${key}`)
    }
    if (this.#session.controlIsLate) return overload(this.#origin)
    if (memory.isShortFor(this.#handlers.importance('requests'))) {
      memory.refused += 1
      return refusal('ERR_NODOSUM_MEMORY_PRESSURE', memory.words, retryWhenShortMs)
    }
    if (!policy.quotas.isLimited || policy.isControl) return null
    const quota = policy.quotas.admit(from, bytes, nowMs)
    if (quota === null) return null
    const message = `${application} takes no more from ${from} for now (${quota.limit})`
    return refusal('ERR_NODOSUM_RATE_LIMITED', message, quota.retryAfterMs)
  }

  /** For the queue of handlers: its turn has come. */
  start(request: Admitted): void {
    const { sequence, context } = request
    const handler = this.#handlers.onRequest
    if (handler === null || request.isGivenUp) return this.#finish(sequence)
    let payload: unknown
    try {
      payload = decodePayload(request.body, request.cbor)
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

/** When a request comes again that was refused for want of memory. */
const retryWhenShortMs = 100

function overload(origin: { application: string }): Failure {
  return refusal('ERR_NODOSUM_OVERLOAD', `${origin.application} has as many requests as it may`)
}
