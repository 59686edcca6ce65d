import { invariant } from '@nodosum/kernel'
import { type ByteStream, ChunkQueue, codeMax } from '@nodosum/transport'
import { layerCodes } from '../core/close-codes.ts'
import { cancelCode, type EngineStream } from '../ports.ts'

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** `write` returns false above this many queued bytes. */
  readonly streamBufferBytes: number
  /** A stream whose queue would exceed this is reset: its writer ignores `false`. */
  readonly streamBufferBytesMax: number
  /** False once the connection stops taking data. */
  readonly acceptsWrites: boolean
  /** Asks for the HTTP/2 stream, which comes through `attach`: at once, or from the peer. */
  start(stream: H2Stream): void
  /** Tells the peer that the stream is over. */
  sendReset(stream: H2Stream, code: number): void
  /** Something of this stream has gone out. */
  progressed(): void
  /** The stream is over in both directions, or dead. */
  forget(stream: H2Stream): void
  /** An HTTP/2 stream was left behind by a stream that died, or such a one is closed now. */
  orphaned(change: 1 | -1): void
  /** Calls a callback of the application; one that throws ends the connection. */
  deliver<Value>(callback: (value: Value) => void, value: Value): void
}

/**
 * Handed to HTTP/2 at once, at most: enough to keep the socket busy, and little enough that the
 * next stream, such as one with a single small message, does not wait long.
 */
const handedBytesMax = 128 * 1024
/** A larger chunk is handed over in parts. */
const partBytesMax = 64 * 1024
/** Smaller chunks are gathered, since one call into HTTP/2 costs as much as copying this. */
const gatherBelowBytes = 4_096
const gatherBytes = 16 * 1024

export class H2Stream implements ByteStream {
  readonly id: number
  onWritable: (() => void) | null = null
  onEnd: (() => void) | null = null
  readonly #owner: StreamOwner
  readonly #queue = new ChunkQueue()
  #engine: EngineStream | null = null
  #isStarted = false
  #isEngineClosed = false
  #onData: ((chunk: Uint8Array) => void) | null = null
  #onReset: ((code: number) => void) | null = null
  /** The code of a death that nobody has been told of. */
  #untoldReset: number | null = null
  /** What came while nobody read. Short: HTTP/2 is paused with the first chunk. */
  #held: Uint8Array[] = []
  #paused = false
  #isContinuing = false
  #sending: 'open' | 'ending' | 'handed' | 'ended' = 'open'
  /** `ended`: the end came and waits for onEnd to be allowed. */
  #receiving: 'open' | 'ended' | 'delivered' = 'open'
  #isDead = false
  #owesWritable = false

  constructor(id: number, owner: StreamOwner) {
    this.id = id
    this.#owner = owner
  }

  get bufferedBytes(): number {
    return this.#isDead ? 0 : this.#queue.bytes + (this.#engine?.writableLength ?? 0)
  }

  get onData(): ((chunk: Uint8Array) => void) | null {
    return this.#onData
  }

  set onData(callback: ((chunk: Uint8Array) => void) | null) {
    this.#onData = callback
    if (callback !== null) this.#continueSoon()
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

  /** Everything that was written and ended went to the socket. */
  get isFlushed(): boolean {
    if (this.#isDead) return true
    return this.bufferedBytes === 0 && (this.#sending === 'open' || this.#sending === 'ended')
  }

  get #isReading(): boolean {
    return !this.#paused && !this.#isDead && this.#onData !== null
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isDead || this.#sending !== 'open' || !this.#owner.acceptsWrites) return false
    if (chunk.length > 0) {
      if (this.bufferedBytes + chunk.length > this.#owner.streamBufferBytesMax) {
        this.#overflow()
        return false
      }
      this.#queue.push(chunk)
      this.#start()
      this.#pump()
    }
    if (this.bufferedBytes <= this.#owner.streamBufferBytes) return true
    this.#owesWritable = true
    return false
  }

  pause(): void {
    // HTTP/2 is paused with the next chunk, which is held.
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#continueSoon()
  }

  end(): void {
    if (this.#isDead || this.#sending !== 'open') return
    this.#sending = 'ending'
    this.#start()
    this.#pump()
  }

  reset(code: number): void {
    invariant(
      Number.isInteger(code) && code >= 0 && code <= codeMax,
      'the code of reset() must be an integer from 0 to 2^32-1',
    )
    if (!this.#isDead) this.#giveUp(code)
  }

  /** The HTTP/2 stream is there. */
  attach(engine: EngineStream): void {
    this.#engine = engine
    this.#isStarted = true
    engine.on('data', this.#received)
    engine.on('end', this.#ended)
    engine.on('close', this.#closed)
    this.#pump()
  }

  /** The end of the stream by somebody else's decision. */
  die(code: number): void {
    if (this.#isDead) return
    this.#bury()
    if (this.#onReset === null) this.#untoldReset = code
    else this.#owner.deliver(this.#onReset, code)
  }

  /** RST_STREAM, when there is an HTTP/2 stream; for the accepting end. */
  cancel(): void {
    this.#engine?.close(cancelCode)
  }

  /** Hands over everything that has arrived and may be handed over. */
  drain(): void {
    if (!this.#isReading) return
    this.#deliverHeld()
    while (this.#isReading) {
      const chunk = this.#engine?.read() ?? null
      if (chunk === null) break
      this.#received(chunk)
    }
    this.#deliverEnd()
  }

  #start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#owner.start(this)
  }

  /** Hands queued bytes to HTTP/2, up to its share, and then the end. */
  #pump(): void {
    const engine = this.#engine
    if (engine === null || this.#isDead) return
    while (this.#queue.bytes > 0 && engine.writableLength < handedBytesMax) {
      engine.write(this.#nextChunk(), this.#written)
    }
    if (this.#sending === 'ending' && this.#queue.bytes === 0) {
      this.#sending = 'handed'
      engine.end(this.#endHanded)
    }
  }

  #nextChunk(): Uint8Array {
    const front = this.#queue.front() as Uint8Array
    let chunk = front
    if (front.length > partBytesMax) {
      chunk = front.subarray(0, partBytesMax)
    } else if (front.length < gatherBelowBytes && this.#queue.hasSecond()) {
      const gathered = new Uint8Array(Math.min(gatherBytes, this.#queue.bytes))
      chunk = gathered.subarray(0, this.#queue.gather(gathered))
    }
    this.#queue.take(chunk.length)
    return chunk
  }

  /** One function for every chunk: a closure each would be garbage. */
  readonly #written = (): void => {
    if (this.#isDead) return
    this.#pump()
    this.#notifyWritable()
    this.#owner.progressed()
  }

  readonly #endHanded = (): void => {
    if (this.#sending === 'handed') this.#sending = 'ended'
    this.#owner.progressed()
    this.#forgetWhenOver()
  }

  #notifyWritable(): void {
    if (!this.#owesWritable || this.#sending !== 'open') return
    if (this.bufferedBytes * 2 > this.#owner.streamBufferBytes) return
    this.#owesWritable = false
    const callback = this.onWritable
    if (callback !== null) this.#owner.deliver(callback, undefined)
  }

  readonly #received = (chunk: Uint8Array): void => {
    if (this.#isDead) return
    if (this.#isReading && this.#held.length === 0) {
      this.#owner.deliver(this.#onData as (chunk: Uint8Array) => void, chunk)
    } else {
      this.#held.push(chunk)
      this.#engine?.pause()
    }
  }

  readonly #ended = (): void => {
    if (this.#isDead || this.#receiving !== 'open') return
    this.#receiving = 'ended'
    if (!this.#isContinuing) this.#deliverEnd()
  }

  /** The HTTP/2 stream is over; that is in order after both ends, or when it was given up. */
  readonly #closed = (): void => {
    this.#isEngineClosed = true
    if (this.#isDead) {
      this.#owner.orphaned(-1)
      return
    }
    const code = this.#engine?.rstCode
    // The accepting end cancels what was reset; the code comes on the control stream.
    if (code === cancelCode) return
    const isInOrder = code === 0 && this.#receiving !== 'open' && this.#sending === 'ended'
    if (!isInOrder) this.#giveUpAs(layerCodes.engineFailed)
  }

  #continueSoon(): void {
    if (this.#isContinuing || this.#isDead) return
    this.#isContinuing = true
    setImmediate(this.#continue)
  }

  readonly #continue = (): void => {
    this.#isContinuing = false
    if (!this.#isReading) return
    this.#deliverHeld()
    if (!this.#isReading) return
    this.#engine?.resume()
    this.#deliverEnd()
  }

  #deliverHeld(): void {
    while (this.#held.length > 0 && this.#isReading) {
      const chunk = this.#held.shift() as Uint8Array
      this.#owner.deliver(this.#onData as (chunk: Uint8Array) => void, chunk)
    }
  }

  /** onEnd after the last onData, and not while paused. */
  #deliverEnd(): void {
    if (this.#receiving !== 'ended' || this.#held.length > 0 || !this.#isReading) return
    this.#receiving = 'delivered'
    const callback = this.onEnd
    if (callback !== null) this.#owner.deliver(callback, undefined)
    this.#forgetWhenOver()
  }

  #overflow(): void {
    this.#giveUpAs(layerCodes.bufferOverflow)
  }

  /** Dies and tells both: the peer, and the application. */
  #giveUpAs(code: number): void {
    if (this.#isStarted) this.#owner.sendReset(this, code)
    this.die(code)
  }

  #giveUp(code: number): void {
    // Without a byte the peer has not heard of it, but it shall hear that it is over.
    this.#start()
    this.#owner.sendReset(this, code)
    this.#bury()
  }

  #bury(): void {
    this.#isDead = true
    this.#queue.clear()
    this.#held = []
    // What is still coming must flow, or it would hold a part of the windows.
    this.#engine?.resume()
    this.#leave()
  }

  #leave(): void {
    if (this.#engine !== null && !this.#isEngineClosed) this.#owner.orphaned(1)
    this.#owner.forget(this)
  }

  #forgetWhenOver(): void {
    if (this.#isDead || this.#sending !== 'ended' || this.#receiving !== 'delivered') return
    this.#isDead = true
    this.#leave()
  }
}
