import { NodosumError } from '@nodosum/kernel'
import type { ByteStream } from '@nodosum/transport'
import { layerCodes } from '../core/close-codes.ts'
import type { EngineConnection } from '../ports.ts'
import { shutdownRead, shutdownWrite } from '../ports.ts'
import type { PingLane } from './ping-lane.ts'
import { QuicStream, type StreamOwner } from './quic-stream.ts'
import type { ReceiveSlab } from './receive-slab.ts'
import type { UnreadBytes } from './unread-bytes.ts'

/** What the streams of a connection need of it. */
export interface StreamTableOptions {
  readonly engine: EngineConnection
  readonly isDialer: boolean
  /** Has the first stream of each end. */
  readonly pings: PingLane
  readonly slab: ReceiveSlab
  readonly gatherBuffer: Buffer
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  /** Streams that may exist at once, both ends' together. */
  readonly streamsMax: number
  /** Hears how much was read. */
  readonly unread: UnreadBytes
  /** Asks for a turn of the event loop. */
  readonly schedule: () => void
  /** A callback of the application threw. */
  readonly onCallbackFailed: (error: unknown) => void
}

const nothing = new Uint8Array(0)
/** One stream hands over this much before the next one gets its share. */
const writeQuantumBytes = 64 * 1024
const readQuantumBytes = 256 * 1024
/** Per connection and turn, so that other connections and timers get theirs. */
const readBudgetBytes = 1024 * 1024
/** After so many full streams in a row the connection itself is full. */
const blockedStreamsMax = 32
const scratchBytes = 4096
const discardReadsMax = 64

/** The streams of one connection: opening, adopting, writing and reading in fair turns. */
export class StreamTable implements StreamOwner {
  readonly engine: EngineConnection
  readonly slab: ReceiveSlab
  readonly gatherBuffer: Buffer
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  acceptsWrites = true
  /** Streams of the peer that were refused because of `streamsMax`. */
  refused = 0
  readonly #options: StreamTableOptions
  readonly #streams = new Map<number, QuicStream>()
  #writers: QuicStream[] = []
  #resumed: QuicStream[] = []
  #recentReader: QuicStream | null = null
  #buffered = 0
  #nextLocalId: number
  #nextRemoteId: number
  /** Ids of the peer below `nextRemoteId` whose first bytes have not come yet. */
  readonly #skippedRemoteIds = new Set<number>()
  /** Streams that came before there was an `onStream`. */
  #undelivered: QuicStream[] = []
  #onStream: ((stream: ByteStream) => void) | null = null

  constructor(options: StreamTableOptions) {
    this.#options = options
    this.engine = options.engine
    this.slab = options.slab
    this.gatherBuffer = options.gatherBuffer
    this.streamBufferBytes = options.streamBufferBytes
    this.streamBufferBytesMax = options.streamBufferBytesMax
    // RFC 9000, section 2.1: the low bit names who opened it. The first ones are for pings.
    this.#nextLocalId = options.isDialer ? 4 : 5
    this.#nextRemoteId = options.isDialer ? 5 : 4
  }

  get size(): number {
    return this.#streams.size
  }

  get bufferedBytes(): number {
    return this.#buffered
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
    this.#options.schedule()
  }

  /** Throws ERR_NODOSUM_LIMIT_STREAMS when this end's or the peer's limit is reached. */
  open(): QuicStream {
    const { streamsMax } = this.#options
    if (this.#streams.size >= streamsMax) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_STREAMS',
        `this connection has ${streamsMax} streams open, its limit (streamsMax): end some, or ` +
          'keep few streams and use them longer',
        { details: { streamsMax } },
      )
    }
    if (this.engine.peerStreamsLeftBidi() <= 0) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_STREAMS',
        'the peer grants no more streams on this connection for now: try again after some ended',
      )
    }
    const id = this.#nextLocalId
    // Makes the engine count the stream now; nothing goes out before bytes or an end are written.
    this.engine.streamSend(id, nothing, false)
    this.#nextLocalId += 4
    const stream = new QuicStream(id, this)
    this.#streams.set(id, stream)
    return stream
  }

  /** Reads what arrived; false when the budget of this turn ended first. */
  read(): boolean {
    const { unread } = this.#options
    if (!this.engine.isReadable()) {
      unread.read(0, 0)
      return true
    }
    // Asking the engine for its list costs more than reading the stream that is most likely in it.
    const recent = this.#recentReader
    let bytes = 0
    if (recent?.isReading === true) {
      bytes = recent.receive(readQuantumBytes)
      if (!this.engine.isReadable()) {
        unread.read(bytes, 0)
        return true
      }
    }
    let isComplete = true
    let left = 0
    for (const id of this.engine.readable()) {
      if (this.#options.pings.owns(id)) {
        this.#options.pings.read(id)
        continue
      }
      const stream = this.#streams.get(id) ?? this.#adopt(id)
      if (stream === undefined) continue
      const quantum = Math.min(readQuantumBytes, readBudgetBytes - bytes)
      if (!stream.isReading) {
        stream.peek()
        left += 1
      } else if (quantum <= 0) {
        left += 1
        isComplete = false
      } else {
        const received = stream.receive(quantum)
        if (received > 0) this.#recentReader = stream
        bytes += received
        if (received < quantum) continue
        left += 1
        isComplete = false
      }
    }
    unread.read(bytes, left)
    return isComplete
  }

  /** Delivers the ends that a pause held back: the engine has forgotten those streams already. */
  settle(): void {
    if (this.#resumed.length === 0) return
    const resumed = this.#resumed
    this.#resumed = []
    for (const stream of resumed) stream.deliverEnd()
  }

  /** Hands queued bytes to the engine, round robin; false when the budget ended first. */
  write(budgetBytes: number): boolean {
    this.#options.pings.write()
    let budget = budgetBytes
    let blocked = 0
    while (this.#writers.length > 0 && budget > 0 && blocked < blockedStreamsMax) {
      const round = this.#writers
      this.#writers = []
      const stuck: QuicStream[] = []
      let moved = 0
      for (let index = 0; index < round.length; index += 1) {
        const stream = round[index] as QuicStream
        if (budget <= 0 || blocked >= blockedStreamsMax) {
          // Whoever had no turn goes first the next time.
          this.#writers.unshift(...round.slice(index))
          break
        }
        const before = stream.bufferedBytes
        const outcome = stream.transmit(Math.min(writeQuantumBytes, budget))
        const bytes = Math.max(0, before - stream.bufferedBytes)
        budget -= bytes
        moved += bytes
        if (outcome === 'blocked') {
          blocked += 1
          stuck.push(stream)
        } else if (outcome === 'more') {
          this.#writers.push(stream)
        } else {
          stream.isListedWriter = false
        }
        stream.notifyWritable()
      }
      this.#writers.push(...stuck)
      if (moved === 0) break
    }
    return budget > 0
  }

  /** Streams that only a STOP_SENDING could have ended are asked; cheap, but not for every turn. */
  probeHalfClosed(): void {
    for (const stream of this.#streams.values()) if (stream.isHalfClosed) stream.probe()
  }

  /** True when the engine has taken everything that was written and ended. */
  get isFlushed(): boolean {
    if (this.#buffered > 0) return false
    for (const stream of this.#streams.values()) if (!stream.isFlushed) return false
    return true
  }

  /** Ends every stream, with the connection. */
  dieAll(code: number): void {
    this.acceptsWrites = false
    this.#undelivered = []
    for (const stream of [...this.#streams.values()]) stream.die(code)
    this.#streams.clear()
    this.#writers = []
    this.#resumed = []
  }

  wantsWrite(stream: QuicStream): void {
    stream.isListedWriter = true
    this.#writers.push(stream)
    this.#options.schedule()
  }

  wantsRead(stream: QuicStream): void {
    this.#resumed.push(stream)
    this.#options.schedule()
  }

  wantsFlush(): void {
    this.#options.schedule()
  }

  forget(stream: QuicStream): void {
    if (this.#recentReader === stream) this.#recentReader = null
    this.#streams.delete(stream.id)
  }

  bufferedChanged(bytes: number): void {
    this.#buffered += bytes
  }

  deliver<Value>(callback: (value: Value) => void, value: Value): void {
    try {
      callback(value)
    } catch (error) {
      this.#options.onCallbackFailed(error)
    }
  }

  /** A stream of the peer, new or already over; the latter is read empty and forgotten. */
  #adopt(id: number): QuicStream | undefined {
    if (!this.#isNewRemote(id)) {
      this.#discard(id)
      return undefined
    }
    if (this.#streams.size >= this.#options.streamsMax) {
      this.refused += 1
      this.#refuse(id)
      return undefined
    }
    const stream = new QuicStream(id, this)
    this.#streams.set(id, stream)
    if (this.#onStream === null) this.#undelivered.push(stream)
    else this.deliver(this.#onStream, stream)
    return stream
  }

  #isNewRemote(id: number): boolean {
    if ((id & 1) !== (this.#nextRemoteId & 1)) return false
    if (id < this.#nextRemoteId) return this.#skippedRemoteIds.delete(id)
    // Bounded by the stream credits: the engine refuses ids beyond them.
    for (let skipped = this.#nextRemoteId; skipped < id; skipped += 4) {
      this.#skippedRemoteIds.add(skipped)
    }
    this.#nextRemoteId = id + 4
    return true
  }

  #refuse(id: number): void {
    for (const direction of [shutdownWrite, shutdownRead] as const) {
      try {
        this.engine.streamShutdown(id, direction, layerCodes.streamRefused)
      } catch {
        // The peer was faster in ending it.
      }
    }
  }

  /** The engine keeps a reset stream until its error has been read. */
  #discard(id: number): void {
    const scratch = Buffer.allocUnsafe(scratchBytes)
    try {
      for (let reads = 0; reads < discardReadsMax; reads += 1) {
        if (this.engine.streamRecv(id, scratch) === null) return
      }
    } catch {
      // This was the error; the engine has now forgotten the stream.
    }
  }
}
