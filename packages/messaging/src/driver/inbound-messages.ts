import { ByteReader, type ErrorCode, isNodosumError } from '@nodosum/kernel'
import type { PayloadCodec } from '../adapters/cbor-payload.ts'
import type { IncomingLane, Session } from '../ports.ts'
import {
  decodeHeaders,
  envelopeBit,
  type FailureData,
  messageFrame,
  noHeaders,
} from '../wire/message-frames.ts'
import type { ControlWriter } from './control-writer.ts'
import { handlerFailure, InputRefused, refusal } from './failure.ts'
import { HandlerContext, type Handlers, isThenable, type Origin } from './handlers.ts'

/** Whether this node owns a routing key of an application. */
export type Owns = (application: string, key: string) => boolean

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
    this.#origin = {
      from: options.session.peer,
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
    let { key, method } = noHeaders
    if ((bits & envelopeBit.headers) !== 0) {
      const reader = new ByteReader(bytes, at, end)
      const headers = decodeHeaders(reader)
      key = headers.key
      method = headers.method
      if (reader.failed) return this.#refuse(sequence, 'ERR_NODOSUM_DECODE_FAILED', 'headers')
      at = reader.offset
    }
    const handler = this.#handlers.messageHandler(method)
    const { application } = this.#origin
    if (handler === null) {
      const message = this.#handlers.noHandler('message', method)
      return this.#refuse(sequence, 'ERR_NODOSUM_NO_HANDLER', message)
    }
    if (this.#handlers.draining) {
      return this.#refuse(sequence, 'ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    }
    if (key !== null && !this.#owns(application, key)) {
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
    const context = new HandlerContext(this.#origin, sequence, key, null)
    const confirm = (bits & envelopeBit.confirmHandled) !== 0
    let result: unknown
    try {
      result = handler(payload, context)
    } catch (error) {
      if (error instanceof InputRefused) {
        const { message, data } = error
        return this.#refuse(sequence, 'ERR_NODOSUM_PAYLOAD_INVALID', message, data)
      }
      return this.#finished(sequence, confirm, error)
    }
    if (isThenable(result)) this.#wait(sequence, confirm, context, result)
    else if (confirm) this.#control.mark(messageFrame.handled, this.#lane.stream, sequence)
  }

  /** No handler runs, and the sender knows what has started. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#toldSequence === this.#startedSequence
  }

  closed(): void {
    this.#over = true
    this.#handlers.forget(this.#resume)
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
    this.#control.failure(messageFrame.refused, stream, sequence, refusal(code, message, data))
  }

  #wait(
    sequence: number,
    confirm: boolean,
    context: HandlerContext,
    result: PromiseLike<unknown>,
  ): void {
    this.#running.add(context)
    this.#handlers.messageStarted()
    if (this.#handlers.messagesAreFull) {
      this.#lane.pause()
      this.#handlers.whenMessagesHaveRoom(this.#resume)
    }
    const done = (error: unknown, threw: boolean): void => {
      this.#running.delete(context)
      if (threw) this.#finished(sequence, confirm, error)
      else if (confirm) this.#control.mark(messageFrame.handled, this.#lane.stream, sequence)
      this.#handlers.messageFinished()
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

  readonly #resume = (): void => {
    if (!this.#over) this.#lane.resume()
  }
}
