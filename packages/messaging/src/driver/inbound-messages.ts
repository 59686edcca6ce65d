import { ByteReader, type ErrorCode, isNodosumError } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { Group } from '../core/target.ts'
import type { IncomingLane, Session } from '../ports.ts'
import { decodeHeaders, envelopeBit, plainEnvelope } from '../wire/envelope.ts'
import { type FailureData, messageFrame } from '../wire/message-frames.ts'
import type { ControlWriter } from './control-writer.ts'
import { handlerFailure, InputRefused, refusal } from './failure.ts'
import { HandlerContext, type Origin } from './handler-context.ts'
import { type Handlers, isThenable } from './handlers.ts'
import { LaneHolds } from './lane-holds.ts'

/** Whether this node owns a routing key among a group of the members that run an application. */
export type Owns = (application: string, key: string, group: Group | null) => boolean

/** After this many payloads in a row that do not decode, the lane's session ends. */
const undecodableMax = 16

/** Runs the handlers of one incoming lane in the order of its messages. */
export class InboundMessages {
  readonly #lane: IncomingLane
  readonly #session: Session
  readonly #control: ControlWriter
  readonly #handlers: Handlers
  readonly #owns: Owns
  readonly #markDirty: (lane: InboundMessages) => void
  readonly #onBroken: (what: string) => void
  readonly #codec: PayloadCodec
  readonly #origin: Origin
  readonly #holds: LaneHolds
  readonly #running = new Set<HandlerContext>()
  #startedSequence = 0
  #toldSequence = 0
  #undecodable = 0
  #over = false

  constructor(options: {
    lane: IncomingLane
    session: Session
    control: ControlWriter
    handlers: Handlers
    owns: Owns
    idPrefix: string
    codec: PayloadCodec
    /** Asks for `tellStarted` at the end of this turn. */
    markDirty: (lane: InboundMessages) => void
    onBroken: (what: string) => void
  }) {
    this.#lane = options.lane
    this.#session = options.session
    this.#control = options.control
    this.#handlers = options.handlers
    this.#owns = options.owns
    this.#markDirty = options.markDirty
    this.#onBroken = options.onBroken
    this.#codec = options.codec
    this.#holds = new LaneHolds(options.lane, options.session.peer, options.handlers)
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
    if (type !== messageFrame.message || start === end) {
      return this.#onBroken(`frame type ${type} on a lane of messages`)
    }
    const bits = bytes[start] as number
    this.#settled(sequence)
    this.#handlers.counters.received += 1
    let at = start + 1
    let envelope = plainEnvelope
    if ((bits & envelopeBit.headers) !== 0) {
      const reader = new ByteReader(bytes, at, end)
      envelope = decodeHeaders(reader)
      if (reader.failed) return this.#refuse(sequence, 'ERR_NODOSUM_DECODE_FAILED', 'headers')
      at = reader.offset
    }
    const handler = this.#handlers.messageHandler(envelope.method)
    const { application } = this.#origin
    if (handler === null) {
      const message = this.#handlers.noHandler('message', envelope.method)
      return this.#refuse(sequence, 'ERR_NODOSUM_NO_HANDLER', message)
    }
    if (this.#handlers.draining) {
      return this.#refuse(sequence, 'ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    }
    const { key } = envelope
    if (key !== null && !this.#owns(application, key, envelope.group)) {
      return this.#refuse(sequence, 'ERR_NODOSUM_NOT_OWNER', `not the owner of ${key}`)
    }
    let payload: unknown = bytes.subarray(at, end)
    if ((bits & envelopeBit.cbor) !== 0) {
      try {
        payload = this.#codec.decode(payload as Uint8Array, true)
        this.#undecodable = 0
      } catch (error) {
        const why = isNodosumError(error) ? error.message : 'the payload does not decode'
        this.#refuse(sequence, 'ERR_NODOSUM_PAYLOAD_INVALID', why)
        if (++this.#undecodable >= undecodableMax) {
          this.#onBroken(`${undecodableMax} payloads in a row do not decode`)
        }
        return
      }
    }
    const context = new HandlerContext(this.#origin, sequence, envelope, null)
    const confirm = (bits & envelopeBit.confirmHandled) !== 0
    this.#holds.begin()
    let result: unknown
    let threw = false
    try {
      result = handler(payload, context)
    } catch (error) {
      threw = true
      if (error instanceof InputRefused) {
        const { message, data } = error
        this.#refuse(sequence, 'ERR_NODOSUM_PAYLOAD_INVALID', message, data)
      } else this.#finished(sequence, confirm, error)
    }
    this.#holds.returned(end - start)
    if (threw) return
    if (isThenable(result)) this.#wait(sequence, confirm, context, result, end - start)
    else if (confirm) this.#control.mark(messageFrame.handled, this.#lane.stream, sequence)
  }

  /** No handler runs, and the sender knows what has started. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#toldSequence === this.#startedSequence
  }

  closed(): void {
    this.#over = true
    this.#holds.close()
    for (const context of this.#running) context.abort()
  }

  /** Sends STARTED for what has started since the last time. */
  tellStarted(): void {
    if (this.#toldSequence === this.#startedSequence || this.#over) return
    this.#toldSequence = this.#startedSequence
    this.#control.mark(messageFrame.started, this.#lane.stream, this.#startedSequence)
  }

  #settled(sequence: number): void {
    if (this.#startedSequence === this.#toldSequence) this.#markDirty(this)
    this.#startedSequence = sequence
  }

  #refuse(sequence: number, code: ErrorCode, message: string, data?: FailureData): void {
    const { stream } = this.#lane
    this.#control.failure(messageFrame.refused, stream, sequence, refusal(code, message, { data }))
  }

  #wait(
    sequence: number,
    confirm: boolean,
    context: HandlerContext,
    result: PromiseLike<unknown>,
    bytes: number,
  ): void {
    this.#running.add(context)
    this.#holds.started(bytes)
    const done = (error: unknown, threw: boolean): void => {
      this.#running.delete(context)
      if (threw) this.#finished(sequence, confirm, error)
      else if (confirm) this.#control.mark(messageFrame.handled, this.#lane.stream, sequence)
      this.#holds.finished(bytes)
    }
    result.then(
      () => done(null, false),
      (error: unknown) => done(error, true),
    )
  }

  #finished(sequence: number, confirm: boolean, error: unknown): void {
    this.#handlers.failed('message', this.#session.peer, error)
    if (!confirm) return
    const { stream } = this.#lane
    this.#control.failure(messageFrame.handled, stream, sequence, handlerFailure(error))
  }
}
