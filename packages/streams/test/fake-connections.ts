import { parseNodeId } from '@nodosum/kernel'
import type { ByteStream, Connection, ConnectionCloseReason } from '../src/index.ts'

/** How the bytes of both directions fare; can be changed while a test runs. */
export interface Wire {
  /** Bytes on their way before `write` says stop. */
  windowBytes: number
  /** Cuts what is written into what arrives together. */
  fragment: (bytes: Uint8Array) => Uint8Array[]
}

export function perfectWire(): Wire {
  return { windowBytes: 262_144, fragment: (bytes) => [bytes] }
}

/** One byte at a time. */
export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
}

class FakeStream implements ByteStream {
  readonly id: number
  onWritable: (() => void) | null = null
  onEnd: (() => void) | null = null
  onReset: ((code: number) => void) | null = null
  other: FakeStream | null = null
  readonly #wire: Wire
  #onData: ((chunk: Uint8Array) => void) | null = null
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isPaused = false
  /** This end has ended its direction. */
  hasEnded = false
  #isEnded = false
  #isStarved = false
  #isScheduled = false

  constructor(id: number, wire: Wire) {
    this.id = id
    this.#wire = wire
  }

  get onData(): ((chunk: Uint8Array) => void) | null {
    return this.#onData
  }

  /** What came before waits for it. */
  set onData(handler: ((chunk: Uint8Array) => void) | null) {
    this.#onData = handler
    if (this.#queue.length > 0) this.#schedule()
  }

  get bufferedBytes(): number {
    return this.other === null ? 0 : this.other.#queuedBytes
  }

  write(chunk: Uint8Array): boolean {
    const { other } = this
    if (other === null) return false
    other.#queue.push(...this.#wire.fragment(chunk.slice()))
    other.#queuedBytes += chunk.length
    other.#schedule()
    this.#isStarved = other.#queuedBytes >= this.#wire.windowBytes
    return !this.#isStarved
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  get isDead(): boolean {
    return this.other === null
  }

  end(): void {
    if (this.other === null) return
    this.hasEnded = true
    this.other.#isEnded = true
    this.other.#schedule()
  }

  reset(code: number): void {
    const { other } = this
    this.die()
    other?.die()
    other?.onReset?.(code)
  }

  die(): void {
    this.other = null
    this.#queue = []
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    this.#isScheduled = false
    while (!this.#isPaused && this.#queue.length > 0 && this.onData !== null) {
      const chunk = this.#queue.shift() as Uint8Array
      this.#queuedBytes -= chunk.length
      this.onData(chunk)
    }
    const writer = this.other
    if (writer !== null && writer.#isStarved && this.#queuedBytes * 2 <= this.#wire.windowBytes) {
      writer.#isStarved = false
      writer.onWritable?.()
    }
    if (this.#isEnded && this.#queue.length === 0 && !this.#isPaused && this.onEnd !== null) {
      this.#isEnded = false
      this.onEnd()
    }
  }
}

/** One end of a connection in memory. */
export class FakeConnection implements Connection {
  readonly kind = 'fake'
  readonly remote: { host: string; port: number }
  peer: Connection['peer']
  readonly streams: FakeStream[] = []
  onClosed: ((reason: ConnectionCloseReason) => void) | null = null
  closedWith: ConnectionCloseReason | null = null
  other: FakeConnection | null = null
  /** What `openStream` throws, when it is set. */
  refusesStreams: Error | null = null
  readonly #wire: Wire
  #onStream: ((stream: ByteStream) => void) | null = null
  readonly #early: FakeStream[] = []

  constructor(peer: string, wire: Wire, port: number) {
    this.peer = { nodeId: peer === '' ? null : parseNodeId(peer), uri: '' }
    this.remote = { host: '10.0.0.1', port }
    this.#wire = wire
  }

  get onStream(): ((stream: ByteStream) => void) | null {
    return this.#onStream
  }

  set onStream(handler: ((stream: ByteStream) => void) | null) {
    this.#onStream = handler
    if (handler !== null) for (const stream of this.#early.splice(0)) handler(stream)
  }

  openStream(): ByteStream {
    if (this.refusesStreams !== null) throw this.refusesStreams
    const near = new FakeStream(this.streams.length, this.#wire)
    const far = new FakeStream(this.streams.length, this.#wire)
    near.other = far
    far.other = near
    this.streams.push(near)
    setImmediate(() => this.other?.take(far))
    return near
  }

  take(stream: FakeStream): void {
    this.streams.push(stream)
    if (this.#onStream === null) this.#early.push(stream)
    else this.#onStream(stream)
  }

  async close(reason: { code?: number; reason?: string } = {}): Promise<void> {
    // What was written before arrives before the end.
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    const { other } = this
    this.end({ code: reason.code ?? 0, reason: reason.reason ?? '', remote: false, error: null })
    other?.end({ code: reason.code ?? 0, reason: reason.reason ?? '', remote: true, error: null })
  }

  /** The network between the two is gone. */
  cut(): void {
    const { other } = this
    for (const end of [this, other]) {
      end?.end({ code: 0, reason: 'cut', remote: false, error: null })
    }
  }

  end(reason: ConnectionCloseReason): void {
    if (this.closedWith !== null) return
    this.closedWith = reason
    this.other = null
    for (const stream of this.streams) stream.die()
    this.onClosed?.(reason)
  }
}

let ports = 0

/** The two ends; each is told whom the certificate of the other names, '' for nobody. */
export function connectionPair(
  dialer: string,
  acceptor: string,
  wire: Wire = perfectWire(),
): [dialer: FakeConnection, acceptor: FakeConnection] {
  ports += 1
  const near = new FakeConnection(acceptor, wire, ports)
  const far = new FakeConnection(dialer, wire, ports)
  near.other = far
  far.other = near
  return [near, far]
}
