import type { ByteStream } from '../ports.ts'
import type { FrameDecoder } from '../wire/frame-decoder.ts'
import type { LaneKind } from '../wire/hello.ts'

/** Takes the frames of one incoming lane; see `FrameSink` for the body's bytes. */
export interface LaneReceiver {
  frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void
  /** The lane is over: the peer ended it or the session is gone. */
  closed(): void
}

/** The receiving end of one stream that the peer opened. */
export class IncomingLane {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  receiver: LaneReceiver | null = null
  #expected = 1
  readonly #bytes: ByteStream
  readonly #decoder: FrameDecoder

  constructor(options: {
    stream: number
    kind: LaneKind
    application: string
    name: string
    bytes: ByteStream
    decoder: FrameDecoder
  }) {
    this.stream = options.stream
    this.kind = options.kind
    this.application = options.application
    this.name = options.name
    this.#bytes = options.bytes
    this.#decoder = options.decoder
  }

  /** The sequence of the last frame; 0 before the first. */
  get sequence(): number {
    return this.#expected - 1
  }

  /** False when `sequence` is not the next one. OPEN is the first frame of every lane. */
  accepts(sequence: number): boolean {
    if (sequence !== this.#expected) return false
    this.#expected += 1
    return true
  }

  /** Stops frames at once and, through the transport's window, the sender. */
  pause(): void {
    this.#decoder.pause()
    this.#bytes.pause()
  }

  resume(): void {
    this.#decoder.resume()
    // What was held may have filled the handlers again.
    if (!this.#decoder.paused) this.#bytes.resume()
  }
}
