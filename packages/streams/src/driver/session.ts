import { type BootId, BoundedMap, type NodeId, NodosumError, type Scheduler } from '@nodosum/kernel'
import type { StreamsOptions } from '../options.ts'
import type { ByteStream, Connection } from '../ports.ts'
import { frameType, isSessionFrame, mustUnderstand } from '../wire/frame.ts'
import { FrameDecoder } from '../wire/frame-decoder.ts'
import { decodeOpen, encodeOpen, type LaneKind } from '../wire/hello.ts'
import type { Established } from './handshake.ts'
import { IncomingLane } from './incoming-lane.ts'
import { OutgoingLane } from './outgoing-lane.ts'
import { Retirement } from './retirement.ts'

/** Resets a lane that a node does not take in. */
const laneRefusedCode = 1

/** Gets what a session receives. Called synchronously; must not throw. */
export interface SessionHandler {
  /** A frame on the control stream; its type is 0x10 or above. */
  control(type: number, bytes: Uint8Array, start: number, end: number): void
  /** The peer opened a lane: set its receiver now. Leaving it null ends the peer's session. */
  lane(lane: IncomingLane): void
  /** True when nothing is under way: nothing sent is unconfirmed, nothing received is handled. */
  idle(): boolean
  closed(reason: NodosumError): void
}

/**
 * The conversation between two processes: one control stream and named lanes over one
 * connection. It ends with its connection.
 */
export class Session {
  readonly peer: NodeId
  readonly peerBootId: BootId
  readonly attachment: number
  readonly dialer: NodeId
  readonly connection: Connection
  readonly control: OutgoingLane
  handler: SessionHandler | null = null
  /** The peer asks this end, which dialed, to move to another connection. */
  onRenewal: (() => void) | null = null
  #closed: NodosumError | null = null
  #controlSequence: number
  #nextStream = 1
  readonly #retirement: Retirement
  readonly #outgoing: BoundedMap<number, OutgoingLane>
  readonly #incoming: BoundedMap<number, IncomingLane>
  readonly #scheduler: Scheduler
  readonly #options: StreamsOptions
  readonly #schedule: (lane: OutgoingLane) => void
  readonly #onClosed: (session: Session) => void

  constructor(options: {
    established: Established
    scheduler: Scheduler
    options: StreamsOptions
    schedule: (lane: OutgoingLane) => void
    onClosed: (session: Session) => void
  }) {
    const { established } = options
    this.peer = established.peer.nodeId
    this.peerBootId = established.peer.bootId
    this.attachment = established.attachment
    this.dialer = established.dialer
    this.connection = established.connection
    this.control = established.control
    this.#scheduler = options.scheduler
    this.#options = options.options
    this.#schedule = options.schedule
    this.#onClosed = options.onClosed
    this.#outgoing = new BoundedMap(options.options.lanesPerSessionMax)
    this.#incoming = new BoundedMap(options.options.lanesPerSessionMax)
    this.#retirement = new Retirement({
      isIdle: () => this.isIdle,
      control: this.control,
      yields: this.dialer === this.peer,
      hold: (isHeld) => {
        for (const lane of this.#outgoing.values()) lane.isHeld = isHeld
      },
      scheduler: options.scheduler,
      patienceMaxMs: options.options.retireWaitMs,
    })
    // HELLO and, from a dialer, CONFIRM came before.
    this.#controlSequence = established.dialer === this.peer ? 2 : 1
    this.#listen(established)
  }

  get closed(): boolean {
    return this.#closed !== null
  }

  /** Bytes that wait for the peer, in all lanes. */
  get bufferedBytes(): number {
    let sum = this.control.bufferedBytes
    for (const lane of this.#outgoing.values()) sum += lane.bufferedBytes
    return sum
  }

  /** False while the two ends find out whether the session may end; see `settled`. */
  get available(): boolean {
    return this.#closed === null && !this.#retirement.isInForce
  }

  /** Resolves when the session is available again, or over. */
  get settled(): Promise<void> {
    return this.#retirement.settled
  }

  /** True when nothing is under way at this end. */
  get isIdle(): boolean {
    if (this.#closed !== null || this.handler?.idle() === false) return false
    // Control frames that wait leave when the session closes.
    for (const lane of this.#outgoing.values()) if (lane.bufferedBytes > 0) return false
    return true
  }

  /** Frames of both directions so far. */
  get activity(): number {
    let sum = this.control.sequence + this.#controlSequence + this.#nextStream
    for (const lane of this.#outgoing.values()) sum += lane.sequence
    for (const lane of this.#incoming.values()) sum += lane.sequence
    return sum
  }

  get lanes(): number {
    return this.#outgoing.size + this.#incoming.size
  }

  /** @throws `LIMIT_STREAMS` past `lanesPerSessionMax`, `CONNECTION_LOST` after the end. */
  openLane(kind: LaneKind, application: string, name: string): OutgoingLane {
    if (this.#closed !== null) throw this.#closed
    if (this.#retirement.isInForce) {
      throw new NodosumError('ERR_NODOSUM_NOT_CONNECTED', `the session to ${this.peer} is ending`)
    }
    if (this.#outgoing.isFull) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_STREAMS',
        `${this.#options.lanesPerSessionMax} lanes to ${this.peer} are open already`,
      )
    }
    const stream = this.#nextStream++
    const bytes = this.connection.openStream()
    bytes.onReset = (code) => this.#laneReset(application, name, code)
    const lane = new OutgoingLane({
      stream,
      bytes,
      bufferBytesMax: this.#options.laneBufferBytesMax,
      schedule: this.#schedule,
    })
    this.#outgoing.set(stream, lane)
    const body = encodeOpen({ stream, kind, application, name })
    const at = lane.frame(frameType.open, 0, body.length)
    lane.buffer.set(body, at)
    return lane
  }

  /** Whether the peer is slow to take replies, so that it should get no new work done. */
  get controlIsLate(): boolean {
    return this.control.waitingBytes * 2 > this.#options.controlBufferBytesMax
  }

  /**
   * Starts a control frame, as `OutgoingLane.frame` does. A peer that lets
   * `controlBufferBytesMax` pile up loses the session.
   */
  controlFrame(type: number, bodyLength: number): number {
    if (!this.control.hasRoom(bodyLength)) {
      // The frame is still written: the caller fills it, and the session ends after this turn.
      this.#scheduler.immediate(() => {
        this.end(new NodosumError('ERR_NODOSUM_OVERLOAD', `${this.peer} does not read its replies`))
      })
    }
    return this.control.frame(type, 0, bodyLength)
  }

  /**
   * Asks the peer to give the session up together, after what is under way has ended, for which
   * each end waits up to `retireWaitMs` while new frames have to wait. Resolves to whether both
   * have come to rest; then this end has to close the session.
   */
  comeToRest(): Promise<boolean> {
    return this.#retirement.ask(this.#options.retireWaitMs)
  }

  /** Asks the peer, which dialed, to move the session to another connection. */
  askForRenewal(): void {
    if (this.#closed === null) this.control.frame(frameType.renew, 0, 0)
  }

  /** Closes the session if neither end has a use for it now; resolves to whether it did. */
  async retire(): Promise<boolean> {
    if (!(await this.#retirement.ask(0))) return false
    await this.close('not in use')
    return true
  }

  /** Says goodbye, hands what waits to the transport, and closes the connection. */
  async close(reason = 'closed'): Promise<void> {
    if (this.#closed !== null) return
    this.control.frame(frameType.goodbye, 0, 0)
    for (const lane of this.#outgoing.values()) lane.end()
    this.control.flush()
    const done = this.connection.close({ reason })
    this.#finish(new NodosumError('ERR_NODOSUM_SHUT_DOWN', `the session to ${this.peer} closed`))
    await done
  }

  /** Ends the session at once, with the reason that everybody waiting on it gets. */
  end(error: NodosumError): void {
    if (this.#closed !== null) return
    void this.connection.close({ reason: error.code })
    this.#finish(error)
  }

  #finish(error: NodosumError): void {
    this.#closed = error
    this.connection.onStream = null
    this.connection.onClosed = null
    for (const lane of this.#outgoing.values()) lane.drop()
    this.control.drop()
    for (const lane of this.#incoming.values()) lane.receiver?.closed()
    this.#outgoing.clear()
    this.#incoming.clear()
    this.#onClosed(this)
    this.handler?.closed(error)
    this.#retirement.over()
  }

  #listen(established: Established): void {
    established.setControlSink((type, sequence, bytes, start, end) => {
      if (this.#closed !== null) return
      if (sequence !== ++this.#controlSequence) return this.#broken('a control frame is missing')
      if (!isSessionFrame(type)) return this.handler?.control(type, bytes, start, end)
      if (type === frameType.goodbye) {
        this.#finish(
          new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `${this.peer} closed the session`),
        )
      } else if (type === frameType.renew) {
        this.onRenewal?.()
      } else if (isRetirement(type)) {
        if (!this.#retirement.received(type, bytes, start, end)) {
          this.#broken(`control frame type ${type} answers nothing`)
        }
      } else if (mustUnderstand(type)) this.#broken(`control frame type ${type} is unknown`)
    })
    const inner = established.controlBytes.onData
    established.controlBytes.onData = (chunk) => {
      inner?.(chunk)
      const problem = established.controlDecoder.problem
      if (problem !== null) this.#broken(`control stream: ${problem}`)
    }
    established.controlBytes.onEnd = () => this.#broken('the control stream ended')
    this.connection.onClosed = (reason) => {
      const why = reason.reason || `code ${reason.code}`
      this.end(
        reason.error ??
          new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `${this.peer} is gone: ${why}`),
      )
    }
    this.connection.onStream = (bytes) => this.#accept(bytes)
  }

  /**
   * The peer gave one lane up. What was on it cannot be told from what arrived, so nobody waits for
   * it in vain: the session ends, unless the connection is about to say more.
   */
  #laneReset(application: string, name: string, code: number): void {
    this.#scheduler.immediate(() => {
      const what = `${this.peer} gave up the lane ${application}/${name}`
      this.end(
        code === laneRefusedCode
          ? new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', `${what}: it has too many already`)
          : new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `${what}, code ${code}`),
      )
    })
  }

  #accept(bytes: ByteStream): void {
    if (this.#closed !== null || this.#incoming.isFull) return bytes.reset(laneRefusedCode)
    let lane: IncomingLane | null = null
    const decoder: FrameDecoder = new FrameDecoder({
      frameBytesMax: this.#options.messageBytesMax + 1_024,
      sink: {
        frame: (type, _flags, stream, sequence, chunk, start, end) => {
          if (this.#closed !== null) return
          if (lane === null) {
            lane = this.#opened(type, sequence, chunk.subarray(start, end), bytes, decoder)
          } else if (stream !== lane.stream || !lane.accepts(sequence)) {
            this.#broken(`lane ${lane.application}/${lane.name} lost a frame`)
          } else if (!isSessionFrame(type)) {
            lane.receiver?.frame(type, sequence, chunk, start, end)
          } else if (mustUnderstand(type)) this.#broken(`lane frame type ${type} is unknown`)
        },
      },
    })
    bytes.onData = (chunk) => {
      decoder.push(chunk)
      if (decoder.problem !== null) this.#broken(`lane: ${decoder.problem}`)
    }
    const over = (): void => {
      if (lane === null || !this.#incoming.delete(lane.stream)) return
      lane.receiver?.closed()
    }
    bytes.onEnd = over
    bytes.onReset = over
  }

  #opened(
    type: number,
    sequence: number,
    body: Uint8Array,
    bytes: ByteStream,
    decoder: FrameDecoder,
  ): IncomingLane | null {
    const open = type === frameType.open && sequence === 1 ? decodeOpen(body) : null
    if (open === null || this.#incoming.has(open.stream)) {
      this.#broken('a lane does not start with OPEN')
      return null
    }
    const lane = new IncomingLane({ ...open, bytes, decoder })
    lane.accepts(1)
    // Streams that arrived together with others were not counted when they came.
    if (this.#incoming.set(open.stream, lane)) this.handler?.lane(lane)
    if (lane.receiver === null) {
      this.#incoming.delete(open.stream)
      bytes.reset(laneRefusedCode)
    }
    return lane
  }

  #broken(what: string): void {
    this.end(new NodosumError('ERR_NODOSUM_DECODE_FAILED', `session to ${this.peer}: ${what}`))
  }
}

function isRetirement(type: number): boolean {
  return type === frameType.retire || type === frameType.retired || type === frameType.keep
}
