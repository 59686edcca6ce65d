import { bufferOverflowCode, checkCode } from './close-codes.ts'
import type { ByteStream } from './transport-shapes.ts'

/** What a stream needs of its connection. */
export interface SimulatedStreamOwner {
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  /** What the peer may send beyond what was read. */
  readonly streamWindowBytes: number
  /** False once the connection stops taking data. */
  readonly acceptsWrites: boolean
  /** There is something to send or to deliver: `turn` of the stream is called soon. */
  wantsTurn(stream: SimulatedStream): void
  sendReset(stream: SimulatedStream, code: number): void
  sendCredit(stream: SimulatedStream, bytes: number): void
  forget(stream: SimulatedStream): void
  bufferedChanged(bytes: number): void
  deliver<Value>(callback: (value: Value) => void, value: Value): void
}

/** One end of a stream; the contract's rules, with windows on both sides. */
export class SimulatedStream implements ByteStream {
  readonly id: number
  onWritable: (() => void) | null = null
  onEnd: (() => void) | null = null
  readonly #owner: SimulatedStreamOwner
  #onData: ((chunk: Uint8Array) => void) | null = null
  #onReset: ((code: number) => void) | null = null
  #untoldReset: number | null = null
  readonly #outgoing: Uint8Array[] = []
  /** Bytes of the first outgoing chunk that are sent already. */
  #taken = 0
  #outgoingBytes = 0
  /** What the peer still takes. */
  #credit: number
  #sending: 'open' | 'ending' | 'ended' = 'open'
  #owesWritable = false
  readonly #incoming: Uint8Array[] = []
  #incomingBytes = 0
  /** Delivered, and not yet told to the peer. */
  #uncreditedBytes = 0
  #receiving: 'open' | 'ended' | 'delivered' = 'open'
  #isPaused = false
  #isDead = false

  constructor(id: number, creditBytes: number, owner: SimulatedStreamOwner) {
    this.id = id
    this.#credit = creditBytes
    this.#owner = owner
  }

  get bufferedBytes(): number {
    return this.#outgoingBytes
  }

  /** Nothing waits to be sent. */
  get isFlushed(): boolean {
    return this.#outgoingBytes === 0 && this.#sending !== 'ending'
  }

  get onData(): ((chunk: Uint8Array) => void) | null {
    return this.#onData
  }

  set onData(callback: ((chunk: Uint8Array) => void) | null) {
    const wasMissing = this.#onData === null
    this.#onData = callback
    if (wasMissing && callback !== null) this.#owner.wantsTurn(this)
  }

  get onReset(): ((code: number) => void) | null {
    return this.#onReset
  }

  set onReset(callback: ((code: number) => void) | null) {
    this.#onReset = callback
    const code = this.#untoldReset
    if (callback === null || code === null) return
    this.#untoldReset = null
    this.#owner.deliver(callback, code)
  }

  write(chunk: Uint8Array): boolean {
    const { acceptsWrites, streamBufferBytes, streamBufferBytesMax } = this.#owner
    if (this.#isDead || this.#sending !== 'open' || !acceptsWrites) return false
    if (this.#outgoingBytes + chunk.length > streamBufferBytesMax) {
      this.#owner.sendReset(this, bufferOverflowCode)
      this.die(bufferOverflowCode)
      return false
    }
    if (chunk.length > 0) {
      this.#outgoing.push(chunk)
      this.#outgoingBytes += chunk.length
      this.#owner.bufferedChanged(chunk.length)
      this.#owner.wantsTurn(this)
    }
    if (this.#outgoingBytes <= streamBufferBytes) return true
    this.#owesWritable = true
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#owner.wantsTurn(this)
  }

  end(): void {
    if (this.#isDead || this.#sending !== 'open') return
    this.#sending = 'ending'
    this.#owner.wantsTurn(this)
  }

  reset(code: number): void {
    checkCode(code)
    if (this.#isDead) return
    this.#owner.sendReset(this, code)
    this.#bury()
  }

  /** Up to `bytesMax` of what waits, as far as the peer takes them; null when nothing can go. */
  take(bytesMax: number): Uint8Array | null {
    const length = Math.min(bytesMax, this.#credit, this.#outgoingBytes)
    if (this.#isDead || length === 0) return null
    // Copied only now: whoever changes a chunk after `write` sends the change.
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const chunk = this.#outgoing[0] as Uint8Array
      const part = chunk.subarray(this.#taken, this.#taken + length - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#taken += part.length
      if (this.#taken < chunk.length) break
      this.#outgoing.shift()
      this.#taken = 0
    }
    this.#credit -= length
    this.#outgoingBytes -= length
    this.#owner.bufferedChanged(-length)
    return bytes
  }

  /** True once, when the end is to be sent now. */
  takeEnd(): boolean {
    if (this.#isDead || this.#sending !== 'ending' || this.#outgoingBytes > 0) return false
    this.#sending = 'ended'
    this.#forgetWhenOver()
    return true
  }

  /** Calls onWritable when it is owed. */
  notifyWritable(): void {
    if (!this.#owesWritable || this.#isDead || this.#sending !== 'open') return
    if (this.#outgoingBytes * 2 > this.#owner.streamBufferBytes) return
    this.#owesWritable = false
    if (this.onWritable !== null) this.#owner.deliver(this.onWritable, undefined)
  }

  credit(bytes: number): void {
    this.#credit += bytes
    if (this.#outgoingBytes > 0) this.#owner.wantsTurn(this)
  }

  /** @returns false when the peer sends more than it may */
  receive(bytes: Uint8Array): boolean {
    if (this.#isDead || this.#receiving !== 'open') return true
    const unread = this.#incomingBytes + this.#uncreditedBytes + bytes.length
    if (unread > this.#owner.streamWindowBytes) return false
    this.#incoming.push(bytes)
    this.#incomingBytes += bytes.length
    this.deliver()
    return true
  }

  receiveEnd(): void {
    if (this.#isDead || this.#receiving !== 'open') return
    this.#receiving = 'ended'
    this.deliver()
  }

  /** Hands over what has come, while somebody takes it. */
  deliver(): void {
    while (this.#isReading()) {
      const bytes = this.#incoming.shift()
      if (bytes === undefined) break
      this.#incomingBytes -= bytes.length
      this.#uncreditedBytes += bytes.length
      this.#owner.deliver(this.#onData as (chunk: Uint8Array) => void, bytes)
    }
    if (!this.#isDead && this.#uncreditedBytes * 2 >= this.#owner.streamWindowBytes) {
      this.#owner.sendCredit(this, this.#uncreditedBytes)
      this.#uncreditedBytes = 0
    }
    if (this.#receiving !== 'ended' || this.#incoming.length > 0 || !this.#isReading()) return
    this.#receiving = 'delivered'
    if (this.onEnd !== null) this.#owner.deliver(this.onEnd, undefined)
    this.#forgetWhenOver()
  }

  /** The end of the stream by somebody else's decision. */
  die(code: number): void {
    if (this.#isDead) return
    this.#bury()
    if (this.#onReset === null) this.#untoldReset = code
    else this.#owner.deliver(this.#onReset, code)
  }

  #isReading(): boolean {
    return !this.#isPaused && !this.#isDead && this.#onData !== null
  }

  #bury(): void {
    this.#isDead = true
    this.#owner.bufferedChanged(-this.#outgoingBytes)
    this.#outgoingBytes = 0
    this.#outgoing.length = 0
    this.#incoming.length = 0
    this.#owner.forget(this)
  }

  #forgetWhenOver(): void {
    if (this.#sending !== 'ended' || this.#receiving !== 'delivered' || this.#isDead) return
    this.#bury()
  }
}
