import {
  BoundedMap,
  ByteReader,
  ByteWriter,
  NodosumError,
  type Scheduler,
  varintLength,
  writeVarint,
} from '@nodosum/kernel'
import type { EncodedPayload, PayloadCodec } from '../adapters/cbor-payload.ts'
import type { MessagingOptions } from '../options.ts'
import type { LaneRefusal, OutgoingLane, Session } from '../ports.ts'
import { decodeHeaders, envelopeBit, plainEnvelope } from '../wire/envelope.ts'
import { decodeFailure, type Failure, messageFrame, writeFailure } from '../wire/message-frames.ts'
import { admissionProblem } from './admission.ts'
import { errorOf, isTooLarge, laneError, refusal, tooLarge } from './failure.ts'
import { HandlerContext, type Origin } from './handler-context.ts'
import type { Handlers } from './handlers.ts'
import type { Owns } from './inbound-messages.ts'
import { StreamConsumer } from './stream-consumer.ts'
import { StreamProducer } from './stream-producer.ts'

/** What a session gives the streams of one application. */
export interface StreamEnds {
  readonly session: Session
  readonly application: string
  /** @throws `LIMIT_STREAMS`, or what ended the session */
  openLane(): OutgoingLane
  /** Refuses a stream on the control lane, for which there is always room. */
  refuse(stream: number, sequence: number, failure: Failure): void
  onBroken(what: string): void
}

/** What they need besides. */
export interface StreamLaneParts extends StreamEnds {
  readonly handlers: Handlers
  readonly scheduler: Scheduler
  readonly options: MessagingOptions
  readonly codec: PayloadCodec
  readonly bytesMax: number
  readonly owns: Owns
  /** Names the messages of an incoming lane. */
  idPrefix(stream: number): string
}

/**
 * The streaming replies of one application over one session, in both directions. Each end sends on
 * one lane of kind `streams`: what it asks for and grants, and the items that it was asked for. The
 * receiver never pauses that lane, since windows bound what can come.
 */
export class StreamLane {
  readonly #parts: StreamLaneParts
  /** What this end asked for, by the sequence with which it asked. */
  readonly #consumers: BoundedMap<number, StreamConsumer>
  /** What the peer asked for, by the sequence with which it asked. */
  readonly #producers: BoundedMap<number, StreamProducer>
  #lane: OutgoingLane | null = null
  #incoming: number | null = null
  /** Asked for, and nothing has come yet. */
  #unanswered = 0

  constructor(parts: StreamLaneParts) {
    this.#parts = parts
    const { streamsPerPeerMax } = parts.options
    this.#consumers = new BoundedMap(streamsPerPeerMax)
    this.#producers = new BoundedMap(streamsPerPeerMax)
  }

  /** Streams that were accepted and have no outcome. */
  get pending(): number {
    return this.#unanswered
  }

  /** No stream is open in either direction. */
  get isIdle(): boolean {
    return this.#consumers.size === 0 && this.#producers.size === 0
  }

  /**
   * Asks for a stream.
   *
   * @param deadlineMs how long it may take at most; null for as long as it takes
   * @throws `LIMIT_STREAMS`, `MESSAGE_TOO_LARGE`, `BACKPRESSURE`, `NOT_CONNECTED`
   */
  open(
    payload: EncodedPayload,
    headers: Uint8Array | null,
    deadlineMs: number | null,
  ): StreamConsumer {
    const { session, options, bytesMax, handlers, codec } = this.#parts
    const { peer } = session
    if (session.closed) {
      throw new NodosumError('ERR_NODOSUM_NOT_CONNECTED', `no session to ${peer}`)
    }
    const headerLength = headers?.length ?? 0
    if (isTooLarge(payload.bytes.length, headerLength, bytesMax)) {
      throw tooLarge(`the request to ${peer}`, payload.bytes.length, headerLength, bytesMax)
    }
    if (this.#consumers.isFull) {
      const message = `${this.#consumers.max} streams from ${peer} are open (streamsPerPeerMax)`
      throw new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', message)
    }
    const lane = this.#outgoing()
    const window = { items: options.streamWindowItems, bytes: options.streamWindowBytes }
    const deadline = deadlineMs === null ? 0 : Math.max(1, Math.ceil(deadlineMs))
    const fixed = varintLength(deadline) + varintLength(window.items) + varintLength(window.bytes)
    const length = fixed + 1 + headerLength + payload.bytes.length
    if (!lane.hasRoom(length)) {
      const message = `the buffer of streams to ${peer} is full`
      throw new NodosumError('ERR_NODOSUM_BACKPRESSURE', message)
    }
    let at = lane.frame(messageFrame.stream, 0, length)
    const { buffer, sequence } = lane
    at = writeVarint(buffer, at, deadline)
    at = writeVarint(buffer, at, window.items)
    at = writeVarint(buffer, at, window.bytes)
    buffer[at++] =
      (payload.cbor ? envelopeBit.cbor : 0) | (headers === null ? 0 : envelopeBit.headers)
    if (headers !== null) buffer.set(headers, at)
    buffer.set(payload.bytes, at + headerLength)
    handlers.counters.accepted += 1
    this.#unanswered += 1
    const consumer = new StreamConsumer(
      peer,
      {
        grant: (items, bytes) => this.#numbers(messageFrame.more, sequence, items, bytes),
        stopped: () => {
          this.#consumers.delete(sequence)
          if (!consumer.hasStarted) this.#answered('unknown')
          this.#numbers(messageFrame.stop, sequence)
        },
      },
      codec,
      window,
    )
    this.#consumers.set(sequence, consumer)
    return consumer
  }

  /** The lane that the peer opened. False when it has opened one already. */
  bind(stream: number): boolean {
    if (this.#incoming !== null) return false
    this.#incoming = stream
    return true
  }

  /** A frame on the peer's lane. */
  frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new ByteReader(bytes, start, end)
    if (type === messageFrame.stream) this.#asked(sequence, reader)
    else if (type === messageFrame.item) this.#arrived(reader)
    else if (type === messageFrame.end) this.#ended(reader)
    else if (type === messageFrame.more) {
      const [call, items, most] = [reader.varint(), reader.varint(), reader.varint()]
      if (!reader.failed) this.#producers.get(call)?.granted(items, most)
    } else if (type === messageFrame.stop) this.#producers.get(reader.varint())?.stop(null)
    else return this.#parts.onBroken(`frame type ${type} on a lane of streams`)
    if (reader.failed) this.#parts.onBroken(`frame type ${type} of a stream does not decode`)
  }

  /** The peer refused a stream before its handler started. */
  failed(sequence: number, failure: Failure): void {
    const consumer = this.#consumers.get(sequence)
    if (consumer === undefined) return
    this.#consumers.delete(sequence)
    if (!consumer.hasStarted) this.#answered('rejected')
    consumer.ended(errorOf(failure, this.#parts.session.peer))
  }

  /** This node drains: its handlers end, and consumers are told to ask elsewhere. */
  drain(): void {
    const failure = refusal('ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    for (const producer of this.#producers.values()) producer.stop(failure)
  }

  /** The session is over. */
  lost(reason: NodosumError): void {
    this.#endAll(this.#unansweredBy('session', reason), 'unknown')
  }

  /** The peer does not take the lane, or no longer. */
  laneRefused(refused: LaneRefusal, isUntouched: boolean): void {
    const reason = laneError(refused, this.#parts.session.peer)
    if (isUntouched) this.#endAll(reason, 'rejected')
    else this.#endAll(this.#unansweredBy('lane', reason), 'unknown')
  }

  closed(): void {
    for (const producer of this.#producers.values()) producer.stop(null)
  }

  #unansweredBy(what: string, reason: NodosumError): NodosumError {
    const { peer } = this.#parts.session
    const message = `the ${what} to ${peer} ended before the stream did: ${reason.message}`
    const details = { node: peer }
    return new NodosumError('ERR_NODOSUM_DELIVERY_UNKNOWN', message, { cause: reason, details })
  }

  #endAll(error: NodosumError, outcome: 'rejected' | 'unknown'): void {
    const consumers = [...this.#consumers.values()]
    this.#consumers.clear()
    for (const consumer of consumers) {
      if (!consumer.hasStarted) this.#answered(outcome)
      consumer.ended(error)
    }
    this.closed()
  }

  #outgoing(): OutgoingLane {
    if (this.#lane !== null && !this.#lane.closed) return this.#lane
    const lane = this.#parts.openLane()
    lane.onRoom = () => {
      for (const producer of [...this.#producers.values()]) producer.resume()
    }
    this.#lane = lane
    return lane
  }

  #asked(sequence: number, reader: ByteReader): void {
    const deadline = reader.varint()
    const window = { items: reader.varint(), bytes: reader.varint() }
    const bits = reader.u8()
    const envelope = (bits & envelopeBit.headers) === 0 ? plainEnvelope : decodeHeaders(reader)
    if (reader.failed) return
    const { handlers, options, scheduler, session } = this.#parts
    handlers.counters.received += 1
    const refuse = (code: Parameters<typeof refusal>[0], message: string): void =>
      this.#parts.refuse(this.#incoming ?? 0, sequence, refusal(code, message))
    const handler = handlers.streamHandler(envelope.method)
    if (handler === null) {
      return refuse('ERR_NODOSUM_NO_HANDLER', handlers.noHandler('streaming', envelope.method))
    }
    const { application } = this.#parts
    // It is asked of another node then, which a full one is not.
    if (handlers.draining) return refuse('ERR_NODOSUM_PEER_DRAINING', 'the node is draining')
    if (this.#producers.isFull) {
      const most = `${options.streamsPerPeerMax} streams to ${session.peer}`
      return refuse('ERR_NODOSUM_LIMIT_STREAMS', `${application} has ${most} (streamsPerPeerMax)`)
    }
    try {
      this.#outgoing()
    } catch (error) {
      return refuse('ERR_NODOSUM_LIMIT_STREAMS', (error as Error).message)
    }
    const from = session.peer
    const arrival = { from, envelope, bytes: reader.remaining, nowMs: scheduler.nowMs() }
    const problem = admissionProblem(handlers, this.#parts.owns, arrival)
    if (problem !== null) return this.#parts.refuse(this.#incoming ?? 0, sequence, problem)
    if (!handlers.streamStarted()) {
      handlers.policy.quotas.finished(from)
      const most = `${application} produces ${options.streamsMax} streams`
      return refuse('ERR_NODOSUM_LIMIT_STREAMS', `${most} (streamsMax)`)
    }
    const context = new HandlerContext(
      this.#origin(),
      sequence,
      envelope,
      deadline === 0 ? null : deadline,
    )
    const producer = this.#producer(sequence, handler, context, window)
    this.#producers.set(sequence, producer)
    void producer.run(reader.copy(reader.remaining), (bits & envelopeBit.cbor) !== 0)
  }

  #producer(
    call: number,
    handler: ConstructorParameters<typeof StreamProducer>[1],
    context: HandlerContext,
    window: { items: number; bytes: number },
  ): StreamProducer {
    const { codec, handlers, scheduler, bytesMax } = this.#parts
    return new StreamProducer(
      {
        codec,
        handlers,
        scheduler,
        bytesMax,
        item: (payload) => this.#item(call, payload),
        end: (failure) => this.#end(call, failure),
        finished: () => {
          this.#producers.delete(call)
          handlers.streamFinished()
          handlers.policy.quotas.finished(this.#parts.session.peer)
        },
      },
      handler,
      context,
      window,
    )
  }

  #origin(): Origin {
    const { session, application, handlers } = this.#parts
    return {
      from: session.peer,
      identity: session.uri || null,
      application,
      lane: 'streams',
      idPrefix: this.#parts.idPrefix(this.#incoming ?? 0),
      node: handlers.node,
    }
  }

  #arrived(reader: ByteReader): void {
    const call = reader.varint()
    const cbor = reader.u8() === 1
    const bytes = reader.rest()
    const consumer = this.#consumers.get(call)
    // It was on its way when its consumer said stop.
    if (reader.failed || consumer === undefined) return
    if (!consumer.hasStarted) this.#answered('delivered')
    if (consumer.item(bytes, cbor)) return
    this.#parts.onBroken('a stream sent more than it was granted')
  }

  #ended(reader: ByteReader): void {
    const call = reader.varint()
    const failure = reader.remaining === 0 ? null : decodeFailure(reader)
    const consumer = this.#consumers.get(call)
    if (reader.failed || consumer === undefined) return
    this.#consumers.delete(call)
    const error = failure === null ? null : errorOf(failure, this.#parts.session.peer)
    const isRefusal = error !== null && error.code !== 'ERR_NODOSUM_REMOTE_ERROR'
    if (!consumer.hasStarted) this.#answered(isRefusal ? 'rejected' : 'delivered')
    consumer.ended(error)
  }

  #answered(outcome: 'delivered' | 'rejected' | 'unknown'): void {
    this.#unanswered -= 1
    this.#parts.handlers.counters[outcome] += 1
  }

  #item(call: number, { bytes, cbor }: EncodedPayload): boolean {
    const lane = this.#lane as OutgoingLane
    if (lane.closed) return false
    const length = varintLength(call) + 1 + bytes.length
    if (!lane.hasRoom(length)) return false
    let at = lane.frame(messageFrame.item, 0, length)
    const { buffer } = lane
    at = writeVarint(buffer, at, call)
    buffer[at] = cbor ? 1 : 0
    buffer.set(bytes, at + 1)
    return true
  }

  /** Small, and one for each stream: it may exceed the lane's buffer. */
  #end(call: number, failure: Failure | null): void {
    const lane = this.#lane as OutgoingLane
    if (lane.closed) return
    const writer = new ByteWriter()
    writer.varint(call)
    if (failure !== null) writeFailure(writer, failure)
    const body = writer.view()
    const at = lane.frame(messageFrame.end, 0, body.length)
    lane.buffer.set(body, at)
  }

  /** STOP or MORE: small, and few for each stream. */
  #numbers(type: number, ...numbers: readonly number[]): void {
    const lane = this.#lane as OutgoingLane
    if (lane.closed) return
    const length = numbers.reduce((sum, each) => sum + varintLength(each), 0)
    let at = lane.frame(type, 0, length)
    for (const each of numbers) at = writeVarint(lane.buffer, at, each)
  }
}
