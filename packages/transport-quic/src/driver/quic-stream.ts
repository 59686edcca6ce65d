import { type ByteStream, ChunkQueue, codeMax } from '@nodosum/transport'
import { layerCodes, streamErrorCode } from '../core/close-codes.ts'
import type { EngineConnection } from '../ports.ts'
import { shutdownRead, shutdownWrite } from '../ports.ts'
import { checkCode } from './close-reason.ts'
import type { ReceiveSlab } from './receive-slab.ts'

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly engine: EngineConnection
  readonly slab: ReceiveSlab
  /** Reused for small chunks that travel together; the engine copies out of it. */
  readonly gatherBuffer: Buffer
  /** `write` returns false above this many queued bytes. */
  readonly streamBufferBytes: number
  /** A stream whose queue would exceed this is reset: its writer ignores `false`. */
  readonly streamBufferBytesMax: number
  /** False once the connection stops taking data. */
  readonly acceptsWrites: boolean
  /** There is something to write or to end on this stream. */
  wantsWrite(stream: QuicStream): void
  /** The stream can be read again. */
  wantsRead(stream: QuicStream): void
  /** The engine has something to tell the peer. */
  wantsFlush(): void
  /** The stream is over in both directions, or dead. */
  forget(stream: QuicStream): void
  /** Calls a callback of the application; one that throws ends the connection. */
  deliver<Value>(callback: (value: Value) => void, value: Value): void
  bufferedChanged(bytes: number): void
}

/** What came of trying to write. */
export type WriteOutcome = 'drained' | 'blocked' | 'more'

const nothing = new Uint8Array(0)
/** Smaller chunks are gathered, since one call into the engine costs as much as copying this. */
const gatherBelowBytes = 4096

export class QuicStream implements ByteStream {
  readonly id: number
  onWritable: (() => void) | null = null
  onEnd: (() => void) | null = null
  /** Kept by the connection: is it in the list of writers? */
  isListedWriter = false
  readonly #owner: StreamOwner
  readonly #queue = new ChunkQueue()
  #onData: ((chunk: Uint8Array) => void) | null = null
  #onReset: ((code: number) => void) | null = null
  /** The code of a death that nobody has been told of. */
  #untoldReset: number | null = null
  #paused = false
  #sending: 'open' | 'ending' | 'ended' = 'open'
  /** `ended`: the end was read from the engine and waits for onEnd to be allowed. */
  #receiving: 'open' | 'ended' | 'delivered' = 'open'
  #isDead = false
  #owesWritable = false

  constructor(id: number, owner: StreamOwner) {
    this.id = id
    this.#owner = owner
  }

  get bufferedBytes(): number {
    return this.#queue.bytes
  }

  get onData(): ((chunk: Uint8Array) => void) | null {
    return this.#onData
  }

  set onData(callback: ((chunk: Uint8Array) => void) | null) {
    const wasMissing = this.#onData === null
    this.#onData = callback
    if (wasMissing && callback !== null) this.#owner.wantsRead(this)
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

  /** True while there is somebody to take bytes now. */
  get isReading(): boolean {
    return !this.#paused && !this.#isDead && this.#onData !== null
  }

  /** The peer ended its direction, and this end did not: only STOP_SENDING could end it. */
  get isHalfClosed(): boolean {
    return this.#receiving !== 'open' && this.#sending !== 'ended' && !this.#isDead
  }

  /** Nothing is left that the engine has not taken. */
  get isFlushed(): boolean {
    return this.#queue.bytes === 0 && this.#sending !== 'ending'
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isDead || this.#sending !== 'open' || !this.#owner.acceptsWrites) return false
    if (chunk.length > 0) {
      if (this.#queue.bytes + chunk.length > this.#owner.streamBufferBytesMax) {
        this.#overflow()
        return false
      }
      this.#queue.push(chunk)
      this.#owner.bufferedChanged(chunk.length)
      if (!this.isListedWriter) this.#owner.wantsWrite(this)
    }
    if (this.#queue.bytes <= this.#owner.streamBufferBytes) return true
    this.#owesWritable = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.wantsRead(this)
  }

  end(): void {
    if (this.#isDead || this.#sending !== 'open') return
    this.#sending = 'ending'
    if (!this.isListedWriter) this.#owner.wantsWrite(this)
  }

  reset(code: number): void {
    checkCode(code)
    if (this.#isDead) return
    this.#shutDown(code)
    this.#bury()
    this.#owner.wantsFlush()
  }

  /** Hands queued bytes to the engine, up to a budget. */
  transmit(budgetBytes: number): WriteOutcome {
    let bytes = 0
    try {
      while (!this.#isDead && this.#queue.bytes > 0) {
        if (bytes >= budgetBytes) return 'more'
        const chunk = this.#nextChunk()
        const sent = this.#owner.engine.streamSend(this.id, chunk, false)
        if (sent === null) {
          // The engine also says "nothing fits" about a stream that it has thrown away.
          if (this.isHalfClosed) this.#owner.engine.streamCapacity(this.id)
          return 'blocked'
        }
        this.#queue.take(sent)
        this.#owner.bufferedChanged(-sent)
        bytes += sent
        if (sent < chunk.length) return 'blocked'
      }
      if (!this.#isDead && this.#sending === 'ending') {
        // The end goes by itself: together with a chunk that fits only in part it would get lost.
        this.#owner.engine.streamSend(this.id, nothing, true)
        this.#sending = 'ended'
        this.#forgetWhenOver()
      }
    } catch (error) {
      this.failed(error)
    }
    return 'drained'
  }

  /** Calls onWritable when it is owed; separate from transmit, since it may write again. */
  notifyWritable(): void {
    if (!this.#owesWritable || this.#isDead || this.#sending !== 'open') return
    if (this.#queue.bytes * 2 > this.#owner.streamBufferBytes) return
    this.#owesWritable = false
    const callback = this.onWritable
    if (callback !== null) this.#owner.deliver(callback, undefined)
  }

  /** Reads from the engine while somebody listens; returns the bytes read. */
  receive(budgetBytes: number): number {
    let bytes = 0
    try {
      while (this.isReading && this.#receiving === 'open' && bytes < budgetBytes) {
        const free = this.#owner.slab.free()
        const read = this.#owner.engine.streamRecv(this.id, free)
        if (read === null) break
        const length = read[0]
        if (read[1]) this.#receiving = 'ended'
        if (length > 0) {
          bytes += length
          const callback = this.#onData as (chunk: Uint8Array) => void
          this.#owner.deliver(callback, this.#owner.slab.cut(length))
        }
        if (length < free.length) break
      }
    } catch (error) {
      this.failed(error)
    }
    this.deliverEnd()
    return bytes
  }

  /** While nobody reads: takes no bytes, but notices that the peer reset the stream. */
  peek(): void {
    if (this.#isDead || this.#receiving !== 'open') return
    try {
      const read = this.#owner.engine.streamRecv(this.id, nothing)
      if (read?.[1] === true) this.#receiving = 'ended'
    } catch (error) {
      this.failed(error)
    }
  }

  /** onEnd after the last onData, and not while paused. */
  deliverEnd(): void {
    if (this.#receiving !== 'ended' || !this.isReading) return
    this.#receiving = 'delivered'
    const callback = this.onEnd
    if (callback !== null) this.#owner.deliver(callback, undefined)
    this.#forgetWhenOver()
  }

  /** Asks the engine whether the peer still reads; for streams that nothing else would touch. */
  probe(): void {
    try {
      this.#owner.engine.streamCapacity(this.id)
    } catch (error) {
      this.failed(error)
    }
  }

  /** The engine threw on this stream: the peer reset it, stopped it, or it is gone. */
  failed(error: unknown): void {
    if (this.#isDead) return
    const code = Math.min(streamErrorCode(error) ?? 0, codeMax)
    this.#shutDown(code)
    this.die(code)
  }

  /** The end of the stream by somebody else's decision. */
  die(code: number): void {
    if (this.#isDead) return
    this.#bury()
    if (this.#onReset === null) this.#untoldReset = code
    else this.#owner.deliver(this.#onReset, code)
  }

  #nextChunk(): Uint8Array {
    const front = this.#queue.front() as Uint8Array
    if (front.length >= gatherBelowBytes || !this.#queue.hasSecond()) return front
    const { gatherBuffer } = this.#owner
    return gatherBuffer.subarray(0, this.#queue.gather(gatherBuffer))
  }

  #overflow(): void {
    this.#shutDown(layerCodes.bufferOverflow)
    this.die(layerCodes.bufferOverflow)
    this.#owner.wantsFlush()
  }

  /** Both directions, as far as they are open; the engine tells the peer at the next flush. */
  #shutDown(code: number): void {
    const { engine } = this.#owner
    for (const direction of [shutdownWrite, shutdownRead] as const) {
      try {
        engine.streamShutdown(this.id, direction, code)
      } catch {
        // Already gone in this direction: that is what was wanted.
      }
    }
  }

  #bury(): void {
    this.#isDead = true
    this.#owner.bufferedChanged(-this.#queue.bytes)
    this.#queue.clear()
    this.#owner.forget(this)
  }

  #forgetWhenOver(): void {
    if (this.#sending === 'ended' && this.#receiving === 'delivered' && !this.#isDead) {
      this.#bury()
    }
  }
}
