import { NodosumError } from '@nodosum/kernel'
import type { ByteStream } from '@nodosum/transport'
import { layerCodes } from '../core/close-codes.ts'
import { cancelCode, type EngineSession, type RequestedStream } from '../ports.ts'
import type { ControlFrame } from '../wire/control-frame.ts'
import { streamOfPath, streamPath } from '../wire/request-path.ts'
import { H2Stream, type StreamOwner } from './h2-stream.ts'

/** What the streams of a connection need of it. */
export interface StreamTableOptions {
  readonly isDialer: boolean
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  /** Streams that may exist at once, both ends' together. */
  readonly streamsMax: number
  readonly sendControl: (frame: ControlFrame) => void
  /** Something went out. */
  readonly onProgress: () => void
  /** A callback of the application threw. */
  readonly onCallbackFailed: (error: unknown) => void
  /** The peer did what no node does. */
  readonly onViolation: (what: string) => void
  /** HTTP/2 opens no more streams on this connection. */
  readonly onExhausted: () => void
  /** A stream of the peer was one too many. */
  readonly onRefused: () => void
}

/** Streams that died and whose HTTP/2 stream is still there, as a multiple of `streamsMax`. */
const orphansFactor = 2

/**
 * The streams of one connection. Only the dialing end can open an HTTP/2 stream, so ids are this
 * protocol's own: even ones were opened by the dialer, odd ones by the acceptor, which asks for
 * their HTTP/2 stream on the control stream. A reset travels there too, since RST_STREAM gives
 * some codes a meaning of its own; the acceptor alone then closes the HTTP/2 stream, because an
 * HTTP/2 server treats many RST_STREAM from its client as an attack.
 */
export class StreamTable implements StreamOwner {
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  acceptsWrites = true
  readonly #options: StreamTableOptions
  readonly #streams = new Map<number, H2Stream>()
  #session: EngineSession | null = null
  #orphans = 0
  #nextLocalId: number
  /** Streams that came before there was an `onStream`. */
  #undelivered: H2Stream[] = []
  #onStream: ((stream: ByteStream) => void) | null = null

  constructor(options: StreamTableOptions) {
    this.#options = options
    this.streamBufferBytes = options.streamBufferBytes
    this.streamBufferBytesMax = options.streamBufferBytesMax
    this.#nextLocalId = options.isDialer ? 0 : 1
  }

  get size(): number {
    return this.#streams.size
  }

  get bufferedBytes(): number {
    let sum = 0
    for (const stream of this.#streams.values()) sum += stream.bufferedBytes
    return sum
  }

  /** Everything that was written and ended went to the socket. */
  get isFlushed(): boolean {
    for (const stream of this.#streams.values()) if (!stream.isFlushed) return false
    return true
  }

  get onStream(): ((stream: ByteStream) => void) | null {
    return this.#onStream
  }

  set onStream(callback: ((stream: ByteStream) => void) | null) {
    this.#onStream = callback
    if (callback === null || this.#undelivered.length === 0) return
    const waiting = this.#undelivered
    this.#undelivered = []
    for (const stream of waiting) this.deliver(callback, stream)
  }

  /** The connection is open. */
  use(session: EngineSession): void {
    this.#session = session
  }

  /** Throws ERR_NODOSUM_LIMIT_STREAMS at this end's limit. */
  open(): H2Stream {
    const { streamsMax } = this.#options
    if (this.#isFull()) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_STREAMS',
        `this connection has ${streamsMax} streams open, its limit (streamsMax): end some, or ` +
          'keep few streams and use them longer',
        { details: { streamsMax } },
      )
    }
    const stream = new H2Stream(this.#nextLocalId, this)
    this.#nextLocalId += 2
    this.#streams.set(stream.id, stream)
    return stream
  }

  /** A request of the dialer: a stream of its own, or the one that this end asked for. */
  requested(engine: RequestedStream, path: string): void {
    const id = streamOfPath(path)
    const known = id === undefined ? undefined : this.#streams.get(id)
    const isOwn = id !== undefined && id % 2 === 1
    if (id === undefined || (known === undefined) === isOwn) {
      // Own and unknown: this end has given it up meanwhile.
      engine.close(cancelCode)
      if (!isOwn) this.#options.onViolation(`asked for a stream that cannot be: ${path}`)
      return
    }
    engine.respond({ ':status': 200 }, { sendDate: false })
    if (known !== undefined) {
      known.attach(engine)
    } else if (this.#isFull()) {
      this.#refuse(id)
      engine.close(cancelCode)
    } else {
      const stream = new H2Stream(id, this)
      this.#streams.set(id, stream)
      stream.attach(engine)
      this.#surface(stream)
    }
  }

  controlled({ kind, stream: id, code }: ControlFrame): void {
    const known = this.#streams.get(id)
    if (kind === 'reset') {
      if (known === undefined) return
      known.die(code)
      if (!this.#options.isDialer) known.cancel()
    } else if (!this.#options.isDialer || id % 2 === 0 || known !== undefined) {
      this.#options.onViolation(`asked to open stream ${id}, which cannot be`)
    } else if (this.#isFull()) {
      this.#refuse(id)
    } else {
      const stream = new H2Stream(id, this)
      this.#streams.set(id, stream)
      this.start(stream)
      this.#surface(stream)
    }
  }

  /** Delivers what has arrived, as far as somebody reads. */
  drain(): void {
    for (const stream of [...this.#streams.values()]) stream.drain()
  }

  /** Ends every stream, with the connection. */
  dieAll(code: number): void {
    this.acceptsWrites = false
    this.#session = null
    this.#undelivered = []
    for (const stream of [...this.#streams.values()]) stream.die(code)
    this.#streams.clear()
  }

  start(stream: H2Stream): void {
    if (this.#session === null) return
    if (!this.#options.isDialer) {
      this.#options.sendControl({ kind: 'open', stream: stream.id, code: 0 })
      return
    }
    const engine = this.#session.request(streamPath(stream.id))
    // Null when the session has just ended, or its 2^30 streams are used up.
    if (engine === null) this.#options.onExhausted()
    else stream.attach(engine)
  }

  sendReset(stream: H2Stream, code: number): void {
    if (this.#session === null) return
    this.#options.sendControl({ kind: 'reset', stream: stream.id, code })
    if (!this.#options.isDialer) stream.cancel()
  }

  progressed(): void {
    this.#options.onProgress()
  }

  forget(stream: H2Stream): void {
    this.#streams.delete(stream.id)
  }

  orphaned(change: 1 | -1): void {
    this.#orphans += change
  }

  deliver<Value>(callback: (value: Value) => void, value: Value): void {
    try {
      callback(value)
    } catch (error) {
      this.#options.onCallbackFailed(error)
    }
  }

  #surface(stream: H2Stream): void {
    if (this.#onStream === null) this.#undelivered.push(stream)
    else this.deliver(this.#onStream, stream)
  }

  #isFull(): boolean {
    const { streamsMax } = this.#options
    return (
      this.#streams.size >= streamsMax ||
      this.#streams.size + this.#orphans >= streamsMax * orphansFactor
    )
  }

  #refuse(id: number): void {
    this.#options.onRefused()
    this.#options.sendControl({ kind: 'reset', stream: id, code: layerCodes.streamRefused })
  }
}
