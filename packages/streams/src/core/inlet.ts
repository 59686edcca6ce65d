import { frameBytesMax, frameType } from '../wire/frame.ts'
import { FrameDecoder, type FrameSink } from '../wire/frame-decoder.ts'
import { decodeOpen, type Open } from '../wire/open.ts'
import type { ReceiveStream } from './receive-stream.ts'

/** One connection that carries a session, or did. */
export interface Attached {
  /** Rises with each connection of the session. */
  readonly number: number
  /** Another one carries the session: what arrives here is refused. */
  isFenced: boolean
  /** The peer has said what it has. */
  peerHasResumed: boolean
  /** Bytes of lanes that have come over it. */
  arrivedBytes: number
}

/** What an inlet needs of the session around it. */
export interface InletHost {
  /** The stream of this number, undefined when the peer has not opened it. */
  incoming(stream: number): ReceiveStream | undefined
  /** Whether this end has refused the stream of this number, so that what comes of it is dropped. */
  isRefused(stream: number): boolean
  /** The peer opens a stream; null when it is not taken. */
  opened(open: Open): ReceiveStream | null
  /** A frame about the connection itself. */
  connectionFrame(type: number, bytes: Uint8Array, start: number, end: number): void
  handedOn(stream: ReceiveStream): void
  /** Bytes of lanes have come, whether they were handed on or not. */
  arrived(attached: Attached): void
  /** The peer does not follow the protocol. */
  broken(what: string): void
}

/** Where the bytes of one byte stream of one connection come in. */
export class Inlet implements FrameSink {
  decoder: FrameDecoder
  #stream: ReceiveStream | null
  #isRefused = false
  readonly #isControl: boolean
  readonly #attached: Attached
  readonly #host: InletHost

  /** @param stream what arrives here when that is known, as for the control stream */
  constructor(host: InletHost, attached: Attached, stream: ReceiveStream | null) {
    this.#host = host
    this.#attached = attached
    this.#stream = stream
    this.#isControl = stream !== null
    this.decoder = new FrameDecoder({ frameBytesMax, sink: this })
  }

  /** Nobody takes what arrives here: this end has refused the lane. */
  get isRefused(): boolean {
    return this.#isRefused || this.#stream?.receiver === null
  }

  /** What arrives here; null before its first frame. */
  get stream(): ReceiveStream | null {
    return this.#stream
  }

  /** Takes what arrived. Bytes of a connection that is fenced vanish. */
  push(chunk: Uint8Array): void {
    const attached = this.#attached
    if (attached.isFenced) return
    this.decoder.push(chunk)
    this.settle()
    if (this.#isControl) return
    attached.arrivedBytes += chunk.length
    this.#host.arrived(attached)
  }

  /** After bytes were pushed into the decoder. */
  settle(): void {
    if (this.#attached.isFenced) return
    const { problem } = this.decoder
    if (problem !== null) return this.#host.broken(problem)
    const stream = this.#stream
    if (stream === null) return
    this.#host.handedOn(stream)
    if (stream.stream === 0) return
    // The frame that was begun before the limit may reach beyond it.
    const most = stream.grantedBytes + frameBytesMax + 4
    if (stream.handedOnBytes + this.decoder.heldBytes > most) {
      this.#host.broken('more was sent than this end has granted')
    }
  }

  frame(
    type: number,
    flags: number,
    stream: number,
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (this.#attached.isFenced) return true
    if (sequence === 0) {
      if (stream === 0) this.#host.connectionFrame(type, bytes, start, end)
      else this.#host.broken('a lane has a frame without a sequence')
      return true
    }
    let taker = this.#stream
    if (taker === null) {
      if (this.#isRefused) return true
      taker = this.#bind(type, stream, bytes, start, end)
      if (taker === null) return true
      if (taker.isPaused) return false
    }
    if (stream !== taker.stream) this.#host.broken('a stream carries frames of another one')
    else {
      const { frameBytes } = this.decoder
      const problem = taker.take(type, flags, sequence, bytes, start, end, frameBytes)
      if (problem !== null) this.#host.broken(problem)
    }
    return true
  }

  /** The first frame tells which stream arrives here: a known one that goes on, or a new one. */
  #bind(
    type: number,
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): ReceiveStream | null {
    let found = stream === 0 ? undefined : this.#host.incoming(stream)
    if (this.#host.isRefused(stream)) {
      this.#isRefused = true
      return null
    }
    if (found === undefined) {
      const open = type === frameType.open ? decodeOpen(bytes.subarray(start, end)) : null
      if (open === null || open.stream !== stream) {
        this.#host.broken('a lane does not start with OPEN')
        return null
      }
      found = this.#host.opened(open) ?? undefined
      if (found === undefined) {
        this.#isRefused = true
        return null
      }
    }
    this.#stream = found
    found.decoder = this.decoder
    return found
  }
}
