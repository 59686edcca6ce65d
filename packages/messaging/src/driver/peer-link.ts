import {
  ByteReader,
  type NodosumError,
  NodosumError as Problem,
  type Scheduler,
} from '@nodosum/kernel'
import type { IncomingLane, LaneClass, OutgoingLane, Session } from '../ports.ts'
import { decodeFailure, messageFrame } from '../wire/message-frames.ts'
import { ControlWriter } from './control-writer.ts'
import type { InboundMessages } from './inbound-messages.ts'
import type { InboundRequests } from './inbound-requests.ts'
import type { OutboundMessages } from './outbound-messages.ts'
import type { OutboundRequests } from './outbound-requests.ts'
import { type StreamEnds, StreamLane } from './stream-lane.ts'

/** Makes the parts of a link; they know the applications, the link does not. */
export interface LinkParts {
  messages(link: PeerLink, application: string, lane: OutgoingLane): OutboundMessages
  requests(link: PeerLink, application: string, out: OutgoingLane): OutboundRequests
  /** Null when the application is unknown here and there is no room to remember it. */
  inbound(link: PeerLink, lane: IncomingLane): Incoming | null
  streams(ends: StreamEnds): StreamLane
  closed(link: PeerLink): void
}

type Incoming = InboundMessages | InboundRequests | StreamLane
type Outgoing = OutboundMessages | OutboundRequests | StreamLane

/** Everything of messaging that lives as long as one session. */
export class PeerLink {
  readonly session: Session
  readonly control: ControlWriter
  readonly #scheduler: Scheduler
  readonly #parts: LinkParts
  readonly #messages = new Map<string, Map<string, OutboundMessages>>()
  readonly #requests = new Map<string, OutboundRequests>()
  readonly #streams = new Map<string, StreamLane>()
  readonly #outgoing = new Map<number, Outgoing>()
  readonly #incoming = new Map<number, Incoming>()
  /** Lanes that their sender has closed and on whose messages handlers run. */
  readonly #ended = new Set<Incoming>()
  /** The highest number of a lane that was opened here; what is said of lower ones comes late. */
  #lastStream = 0
  #dirty: InboundMessages[] = []

  constructor(session: Session, scheduler: Scheduler, parts: LinkParts) {
    this.session = session
    this.#scheduler = scheduler
    this.control = new ControlWriter(session)
    this.#parts = parts
    session.handler = {
      control: (type, bytes, start, end) => this.#received(type, bytes, start, end),
      lane: (lane) => this.#opened(lane),
      idle: () => this.isIdle,
      closed: (reason) => this.#closed(reason),
    }
  }

  /** Messages and requests to this process that have not ended. */
  get inFlight(): number {
    let sum = 0
    for (const lane of this.#outgoing.values()) {
      sum += 'pending' in lane ? lane.pending : lane.inFlight
    }
    return sum
  }

  /** Messages to this process of which no handler is known to have started. */
  get notStarted(): number {
    let sum = 0
    for (const lane of this.#outgoing.values()) if ('notStarted' in lane) sum += lane.notStarted
    return sum
  }

  /** Nothing is under way in either direction. */
  get isIdle(): boolean {
    for (const lane of this.#outgoing.values()) if (!lane.isIdle) return false
    for (const lane of this.#incoming.values()) if (!lane.isIdle) return false
    this.#prune()
    return this.#ended.size === 0
  }

  /** @throws `LIMIT_STREAMS`, or what ended the session. */
  messages(application: string, name: string, laneClass: LaneClass): OutboundMessages {
    let lanes = this.#messages.get(application)
    if (lanes === undefined) {
      lanes = new Map()
      this.#messages.set(application, lanes)
    }
    let lane = lanes.get(name)
    if (lane === undefined) {
      const out = this.session.openLane('messages', application, name, laneClass)
      const made = this.#parts.messages(this, application, out)
      lane = made
      lanes.set(name, made)
      const isIdle = (): boolean => made.isIdle
      this.#own(out, made, isIdle, () => {
        if (lanes.delete(name) && lanes.size === 0) this.#messages.delete(application)
      })
    }
    return lane
  }

  /** @throws `LIMIT_STREAMS`, or what ended the session. */
  requests(application: string): OutboundRequests {
    let lane = this.#requests.get(application)
    if (lane === undefined) {
      const out = this.session.openLane('requests', application, 'requests', 'interactive')
      const made = this.#parts.requests(this, application, out)
      lane = made
      this.#requests.set(application, made)
      const isIdle = (): boolean => made.isIdle
      this.#own(out, made, isIdle, () => this.#requests.delete(application))
    }
    return lane
  }

  /** The streaming replies of an application, in both directions. */
  streams(application: string): StreamLane {
    let streams = this.#streams.get(application)
    if (streams === undefined) {
      const made: StreamLane = this.#parts.streams({
        session: this.session,
        application,
        openLane: () => {
          const out = this.session.openLane('streams', application, 'streams', 'interactive')
          // Never idle: its streams are known by the lane's sequences, which begin anew on another.
          this.#own(out, made, () => false)
          return out
        },
        refuse: (stream, sequence, failure) =>
          this.control.failure(messageFrame.failure, stream, sequence, failure),
        onBroken: this.broken,
      })
      streams = made
      this.#streams.set(application, streams)
    }
    return streams
  }

  /** This node drains: what it streams ends. */
  drain(): void {
    for (const streams of this.#streams.values()) streams.drain()
  }

  /** Tells the peer at the end of this turn what has started on this lane. */
  readonly markDirty = (lane: InboundMessages): void => {
    if (this.#dirty.push(lane) === 1) this.#scheduler.immediate(this.#tellStarted)
  }

  /** Ends the session: the peer does not follow the protocol. */
  readonly broken = (what: string): void => {
    const { peer } = this.session
    this.session.end(new Problem('ERR_NODOSUM_DECODE_FAILED', `session to ${peer}: ${what}`))
  }

  readonly #tellStarted = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const lane of dirty) lane.tellStarted()
  }

  #own(
    out: OutgoingLane,
    lane: Outgoing,
    isIdle: () => boolean,
    forget: () => void = () => undefined,
  ): void {
    this.#outgoing.set(out.stream, lane)
    this.#lastStream = out.stream
    out.owner = {
      get isIdle() {
        return isIdle()
      },
      closed: (refusal, isUntouched) => {
        this.#outgoing.delete(out.stream)
        forget()
        if (refusal !== null) lane.laneRefused(refusal, isUntouched)
      },
    }
  }

  #prune(): void {
    for (const lane of this.#ended) if (lane.isIdle) this.#ended.delete(lane)
  }

  #opened(lane: IncomingLane): void {
    this.#prune()
    const receiver = this.#parts.inbound(this, lane)
    if (receiver === null) {
      const message = `${lane.application} is no application that this node can remember`
      lane.refusal = { code: 'ERR_NODOSUM_LIMIT_PENDING', message }
      return
    }
    lane.receiver = {
      frame: (type, sequence, bytes, start, end) =>
        receiver.frame(type, sequence, bytes, start, end),
      ended: () => {
        this.#incoming.delete(lane.stream)
        if (!receiver.isIdle) this.#ended.add(receiver)
      },
      closed: () => {
        this.#incoming.delete(lane.stream)
        receiver.closed()
      },
    }
    this.#incoming.set(lane.stream, receiver)
  }

  #received(type: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new ByteReader(bytes, start, end)
    const stream = reader.varint()
    const sequence = reader.varint()
    if (reader.failed) return this.broken(`control frame type ${type} does not decode`)
    if (type === messageFrame.cancel) {
      const lane = this.#incoming.get(stream)
      if (lane !== undefined && 'cancel' in lane) lane.cancel(sequence)
      return
    }
    const lane = this.#outgoing.get(stream)
    // A reply to a request that was given up finds its lane closed, which is all right.
    if (lane === undefined && stream > 0 && stream <= this.#lastStream) return
    if (lane === undefined) return this.broken(`control frame type ${type} names no lane`)
    if (lane instanceof StreamLane) this.#aboutStreams(lane, type, sequence, reader)
    else if ('started' in lane) this.#aboutMessages(lane, type, sequence, reader)
    else this.#aboutRequests(lane, type, sequence, reader)
  }

  #aboutMessages(lane: OutboundMessages, type: number, sequence: number, reader: ByteReader): void {
    if (type === messageFrame.started) return lane.started(sequence)
    if (type === messageFrame.handled && reader.remaining === 0) return lane.handled(sequence, null)
    const failure = decodeFailure(reader)
    if (failure === null) this.broken(`control frame type ${type} does not decode`)
    else if (type === messageFrame.handled) lane.handled(sequence, failure)
    else if (type === messageFrame.refused) lane.refused(sequence, failure)
    else this.broken(`control frame type ${type} about a lane of messages`)
  }

  #aboutRequests(lane: OutboundRequests, type: number, sequence: number, reader: ByteReader): void {
    if (type === messageFrame.reply) {
      const cbor = reader.u8() === 1
      if (reader.failed) return this.broken('a reply does not decode')
      return lane.reply(sequence, cbor, reader.rest())
    }
    const failure = type === messageFrame.failure ? decodeFailure(reader) : null
    if (failure === null) this.broken(`control frame type ${type} about a lane of requests`)
    else lane.failed(sequence, failure)
  }

  #aboutStreams(lane: StreamLane, type: number, sequence: number, reader: ByteReader): void {
    const failure = type === messageFrame.failure ? decodeFailure(reader) : null
    if (failure === null) this.broken(`control frame type ${type} about a lane of streams`)
    else lane.failed(sequence, failure)
  }

  #closed(reason: NodosumError): void {
    const all = [...this.#outgoing.values(), ...this.#streams.values()]
    this.#outgoing.clear()
    this.#messages.clear()
    this.#requests.clear()
    this.#streams.clear()
    this.#parts.closed(this)
    for (const lane of all) lane.lost(reason)
    for (const lane of this.#incoming.values()) lane.closed()
    this.#incoming.clear()
    for (const lane of this.#ended) lane.closed()
    this.#ended.clear()
  }
}
