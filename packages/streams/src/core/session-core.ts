import { BoundedMap } from '@nodosum/kernel'
import { connectionFrame, frameType } from '../wire/frame.ts'
import { decodeGoodbye } from '../wire/hello.ts'
import { encodeOpen, type LaneClass, type LaneKind, type Open } from '../wire/open.ts'
import { readAcknowledgement, readProgress } from '../wire/progress.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { type Attached, Inlet, type InletHost } from './inlet.ts'
import { LaneLifecycle } from './lane-lifecycle.ts'
import { ReceiveStream } from './receive-stream.ts'
import { ReceiveWindow } from './receive-window.ts'
import type { SessionRules } from './rules.ts'
import { SendSchedule } from './send-schedule.ts'
import { SendStream } from './send-stream.ts'
import type {
  CoreSink,
  SessionEffect,
  SessionEnding,
  SessionLimits,
  SessionParts,
  UnknownOutcome,
} from './session-shapes.ts'

const nobody: CoreSink = {
  control: () => undefined,
  lane: () => undefined,
  renewal: () => undefined,
}

/**
 * The conversation between two processes, without time and connections: bytes go in, writes come
 * out. At the end of a turn in which `onDirty` was called: `turn`, then `poll` until null, then a
 * timer for `nextDeadlineMs`.
 */
export class SessionCore implements InletHost {
  sink: CoreSink = nobody
  /** Set once; then the session is to be ended. */
  ending: SessionEnding | null = null
  readonly control: SendStream
  readonly lifecycle: LaneLifecycle
  /** The connection that carries it; null between two. */
  attached: Attached | null = null
  readonly #limits: SessionLimits
  readonly #rules: SessionRules
  readonly #parts: SessionParts
  readonly #controlIn: ReceiveStream
  readonly #acknowledgements: Acknowledgements
  readonly #schedule: SendSchedule
  readonly #outgoing: BoundedMap<number, SendStream>
  readonly #incoming: BoundedMap<number, ReceiveStream>
  #isDirty = false
  #urgent: Uint8Array[] = []
  #isSettled = false
  #detachedMs: number | null
  #failedMs: number | null = null

  constructor(options: SessionParts) {
    this.#parts = options
    this.#limits = options.limits
    this.#rules = options.rules
    this.#detachedMs = options.nowMs
    const { limits, pool, rules } = options
    this.#acknowledgements = new Acknowledgements(rules, limits)
    this.#schedule = new SendSchedule(limits, rules)
    // A lane that is closed and one that took its place may be there at once.
    this.#outgoing = new BoundedMap(2 * limits.lanesPerSessionMax)
    this.#incoming = new BoundedMap(2 * limits.lanesPerSessionMax)
    this.control = new SendStream({
      stream: 0,
      label: 'control',
      laneClass: null,
      bufferBytesMax: limits.controlBufferBytesMax,
      budget: options.budgets.buffered,
      creditLimit: Number.MAX_SAFE_INTEGER,
      pool,
      rules,
      wake: this.#wake,
    })
    const lanes = { outgoing: this.#outgoing, incoming: this.#incoming }
    this.lifecycle = new LaneLifecycle({ ...lanes, control: this.control, limits, rules })
    this.#controlIn = new ReceiveStream({
      open: { stream: 0, kind: 'messages', application: '', name: '', laneClass: 'interactive' },
      window: null,
      messageBytesMax: limits.messageBytesMax,
      rules,
      host: this,
    })
    this.#controlIn.receiver = {
      frame: (type, _sequence, bytes, start, end) => this.sink.control(type, bytes, start, end),
      closed: () => undefined,
    }
  }

  /** Bytes of all streams that the peer has not acknowledged. */
  get bufferedBytes(): number {
    let sum = this.control.bufferedBytes
    for (const stream of this.#outgoing.values()) sum += stream.bufferedBytes
    return sum
  }

  /** Bytes that arrived and wait for a pause to end, or for the rest of their message. */
  get heldBytes(): number {
    let sum = this.#controlIn.heldBytes
    for (const stream of this.#incoming.values()) sum += stream.heldBytes
    return sum
  }

  /** Messages of both directions so far. */
  get activity(): number {
    let sum = this.lifecycle.totals.pastMessages
    for (const stream of this.streams()) sum += stream.sequence
    return sum
  }

  get lanes(): number {
    return this.#outgoing.size + this.#incoming.size
  }

  /** Both directions, the control stream first. */
  streams(): (SendStream | ReceiveStream)[] {
    const incoming = [this.#controlIn, ...this.#incoming.values()]
    return [this.control, ...this.#outgoing.values(), ...incoming]
  }

  /** Whether anything of the peer has come. */
  get hasReceived(): boolean {
    return this.#controlIn.expected > 1 || this.#incoming.size > 0
  }

  /** Whether either end still owes the other something: bytes, or the word that they have come. */
  get isQuiet(): boolean {
    return this.bufferedBytes === 0 && this.#acknowledgements.isEmpty
  }

  // Streams

  openLane(
    kind: LaneKind,
    application: string,
    name: string,
    laneClass: LaneClass = 'interactive',
  ): SendStream {
    const stream = this.lifecycle.nextNumber()
    const lane = new SendStream({
      stream,
      label: `${application}/${name}`,
      laneClass,
      bufferBytesMax: this.#limits.laneBufferBytesMax,
      budget: this.#parts.budgets.buffered,
      creditLimit: this.#parts.peerWindowBytes,
      pool: this.#parts.pool,
      rules: this.#rules,
      wake: this.#wake,
    })
    this.#outgoing.set(stream, lane)
    const open = { stream, kind, application, name, laneClass }
    this.lifecycle.opening(lane, open)
    const body = encodeOpen(open)
    const at = lane.frame(frameType.open, 0, body.length)
    lane.buffer.set(body, at)
    return lane
  }

  /** The connection takes no more of this stream for now. */
  blocked(stream: number): void {
    const found = stream === 0 ? this.control : this.#outgoing.get(stream)
    if (found !== undefined) found.isBlocked = true
  }

  writable(stream: number): void {
    const found = stream === 0 ? this.control : this.#outgoing.get(stream)
    if (found === undefined) return
    found.isBlocked = false
    if (!found.isListed) this.#wake(found)
  }

  // Connections

  /** Goes on over this connection; what still arrives on older ones is refused. */
  attach(number: number): Attached {
    this.#fence()
    const attached = { number, isFenced: false, peerHasResumed: false, arrivedBytes: 0 }
    this.#schedule.restart()
    this.attached = attached
    this.#detachedMs = null
    const lanes = [...this.#incoming.values(), ...this.lifecycle.refusedLanes()]
    const streams = [this.#controlIn, ...lanes]
    this.#urgent = [this.#acknowledgements.resumption(streams)]
    this.#dirty()
    return attached
  }

  /** The connection is lost. Nothing happens when another one carries the session. */
  detach(nowMs: number, attached: Attached): void {
    if (this.attached !== attached) return
    this.#fence()
    this.attached = null
    this.#detachedMs = nowMs
  }

  /** Where the control stream of a connection comes in. */
  controlInlet(attached: Attached): Inlet {
    return new Inlet(this, attached, this.#controlIn)
  }

  /** Where a byte stream that the peer opened comes in. */
  inlet(attached: Attached): Inlet {
    return new Inlet(this, attached, null)
  }

  /** Membership says since when the peer has failed; null when it does not. */
  peerFailed(sinceMs: number | null): void {
    this.#failedMs = sinceMs
  }

  // Turns

  turn(nowMs: number): void {
    this.#isDirty = false
    this.#acknowledgements.turn(nowMs)
    this.lifecycle.turn(nowMs)
    this.#schedule.turn(nowMs)
  }

  /** The next thing to do, null for nothing. */
  poll(): SessionEffect | null {
    if (this.#isSettled) {
      this.#isSettled = false
      return { kind: 'settled' }
    }
    const { attached, control } = this
    if (attached === null) return null
    const urgent = this.#urgent.shift()
    if (urgent !== undefined) return { kind: 'write', stream: 0, bytes: urgent, tail: null }
    if (this.#acknowledgements.isDue && !control.isBlocked) {
      return { kind: 'write', stream: 0, bytes: this.#acknowledgements.frame(), tail: null }
    }
    if (!this.#rules.maySend(attached.peerHasResumed)) return null
    const next = this.#schedule.next()
    if (next === null) return null
    const { bytes, tail } = next.piece
    return { kind: 'write', stream: next.stream.stream, bytes, tail }
  }

  nextDeadlineMs(): number | null {
    const detachedMs = this.#detachedMs
    if (detachedMs === null) return this.#schedule.deadlineMs(this.#acknowledgements.atMs)
    return this.#rules.endsAt(detachedMs, this.#failedMs, this.#limits.retention)
  }

  advance(nowMs: number): void {
    if (this.#acknowledgements.advance(nowMs)) this.#dirty()
    const detachedMs = this.#detachedMs
    if (detachedMs === null) return
    const endsMs = this.#rules.endsAt(detachedMs, this.#failedMs, this.#limits.retention)
    if (endsMs !== null && nowMs >= endsMs) this.ending ??= { kind: 'expired' }
  }

  /** Asks the peer, which dialed, for another connection. */
  askForRenewal(): void {
    if (this.attached === null) return
    this.#urgent.push(connectionFrame(frameType.renew, new Uint8Array(0)))
    this.#dirty()
  }

  /** Ends everything; returns the frames that were sent or waited and were not acknowledged. */
  end(): UnknownOutcome[] {
    this.#fence()
    this.attached = null
    const unknown: UnknownOutcome[] = []
    for (const stream of [this.control, ...this.#outgoing.values()]) {
      const range = stream.close()
      if (range !== null) unknown.push({ stream: stream.stream, ...range })
    }
    for (const stream of this.#incoming.values()) stream.end()
    this.lifecycle.end()
    this.#outgoing.clear()
    this.#incoming.clear()
    this.#schedule.clear()
    return unknown
  }

  // What inlets and streams call

  incoming(stream: number): ReceiveStream | undefined {
    return this.#incoming.get(stream)
  }

  isRefused(stream: number): boolean {
    return this.lifecycle.isRefused(stream)
  }

  sessionFrame(type: number, bytes: Uint8Array, start: number, end: number): string | null {
    return this.lifecycle.frame(type, bytes, start, end)
  }

  orphaned(lane: ReceiveStream): void {
    if (!this.lifecycle.orphaned(lane)) this.broken('the peer does not listen to refusals')
  }

  opened(open: Open): ReceiveStream | null {
    if (this.#incoming.isFull) return null
    const window = new ReceiveWindow(this.#limits, this.#parts.budgets.granted, this.#rules)
    const stream = new ReceiveStream({
      open,
      window,
      messageBytesMax: this.#limits.messageBytesMax,
      rules: this.#rules,
      host: this,
    })
    const problem = this.lifecycle.admit(stream, () => this.sink.lane(stream))
    if (problem !== null) this.broken(problem)
    return this.#incoming.get(open.stream) ?? null
  }

  connectionFrame(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === frameType.ack) {
      const { flight, isHolding } = this.#schedule
      const arrived = (count: number): boolean => flight.arrived(count)
      if (!readAcknowledgement(bytes, start, end, arrived, this.#acknowledged)) {
        this.broken('ACK does not fit')
      } else if (isHolding) this.#dirty()
    } else if (type === frameType.resume) this.#resumed(bytes, start, end)
    else if (type === frameType.renew) this.sink.renewal()
    else if (type === frameType.goodbye) {
      const goodbye = decodeGoodbye(bytes.subarray(start, end))
      if (goodbye === null) this.broken('GOODBYE does not decode')
      else this.ending ??= { kind: 'goodbye', goodbye }
    } else if ((type & 0x80) !== 0) this.broken(`control frame type ${type} is unknown`)
  }

  handedOn(stream: ReceiveStream): void {
    if (this.#acknowledgements.handedOn(stream)) this.#dirty()
  }

  arrived({ arrivedBytes }: Attached): void {
    if (this.#acknowledgements.arrived(arrivedBytes)) this.#dirty()
  }

  broken(what: string): void {
    this.ending ??= { kind: 'broken', what }
  }

  readonly #acknowledged = (stream: number, next: number, creditLimit: number): boolean => {
    if (stream === 0) {
      const fits = this.control.acknowledged(next - 1, Number.MAX_SAFE_INTEGER)
      this.lifecycle.settle()
      return fits
    }
    const lane = this.#outgoing.get(stream)
    return lane?.acknowledged(next - 1, creditLimit) ?? this.lifecycle.isPast(stream)
  }

  #resumed(bytes: Uint8Array, start: number, end: number): void {
    const { attached } = this
    if (attached === null || attached.peerHasResumed) return this.broken('RESUME came twice')
    const told = new Set<number>()
    const fits = readProgress(bytes, start, end, (stream, next, creditLimit) => {
      told.add(stream)
      if (stream === 0) return this.control.resumed(next, Number.MAX_SAFE_INTEGER)
      const lane = this.#outgoing.get(stream)
      return lane?.resumed(next, creditLimit) ?? this.lifecycle.isPast(stream)
    })
    this.lifecycle.settle()
    if (!fits || !told.has(0)) return this.broken('RESUME does not fit')
    attached.peerHasResumed = true
    // What the peer has not heard of starts from the beginning.
    for (const [number, stream] of this.#outgoing) {
      if (told.has(number)) continue
      if (!stream.resumed(1, this.#parts.peerWindowBytes))
        return this.broken('RESUME forgets a lane')
    }
    this.#isSettled = true
    this.#dirty()
  }

  #fence(): void {
    if (this.attached !== null) this.attached.isFenced = this.#rules.isFenced(false)
    for (const stream of [this.#controlIn, ...this.#incoming.values()]) {
      stream.decoder?.stop()
      stream.decoder = null
    }
    for (const stream of [this.control, ...this.#outgoing.values()]) stream.isBlocked = true
  }

  readonly #wake = (stream: SendStream): void => {
    this.#schedule.add(stream)
    this.#dirty()
  }

  #dirty(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#parts.onDirty()
  }
}
