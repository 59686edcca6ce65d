import { NodosumError, type Random } from '@nodosum/kernel'
import { streamRefusedCode } from './close-codes.ts'
import type { Segment } from './simulated-link.ts'
import { SimulatedStream, type SimulatedStreamOwner } from './simulated-stream.ts'
import type { ByteStream, TransportLimits } from './transport-shapes.ts'

/** What the streams of a connection need of it. */
export interface SimulatedStreamsOptions {
  readonly isDialer: boolean
  readonly limits: TransportLimits
  readonly random: Random
  readonly segmentBytesMax: () => number
  readonly send: (segment: Segment) => void
  /** Asks for a turn, later. */
  readonly schedule: () => void
  /** A callback of the application threw. */
  readonly onCallbackFailed: (error: unknown) => void
}

/** One stream sends so much before another has its turn. */
const turnBytesMax = 256 * 1024

/** The streams of one connection: opening, adopting, sending in turns. */
export class SimulatedStreams implements SimulatedStreamOwner {
  acceptsWrites = true
  /** Streams of the peer beyond `streamsMax`. */
  refused = 0
  bufferedBytes = 0
  /** What the peer said that it takes of one stream. */
  peerWindowBytes = 0
  readonly #options: SimulatedStreamsOptions
  readonly #streams = new Map<number, SimulatedStream>()
  #wanting = new Set<SimulatedStream>()
  #nextLocalId: number
  #nextRemoteId: number
  /** Ids of the peer below `nextRemoteId` that have not come yet: streams overtake each other. */
  readonly #skippedRemoteIds = new Set<number>()
  #undelivered: SimulatedStream[] = []
  #onStream: ((stream: ByteStream) => void) | null = null

  constructor(options: SimulatedStreamsOptions) {
    this.#options = options
    this.#nextLocalId = options.isDialer ? 0 : 1
    this.#nextRemoteId = options.isDialer ? 1 : 0
  }

  get streamBufferBytes(): number {
    return this.#options.limits.streamBufferBytes
  }

  get streamBufferBytesMax(): number {
    return this.#options.limits.streamBufferBytesMax
  }

  get streamWindowBytes(): number {
    return this.#options.limits.streamWindowBytes
  }

  get size(): number {
    return this.#streams.size
  }

  /** Everything that was written and ended is on its way. */
  get isFlushed(): boolean {
    for (const stream of this.#streams.values()) if (!stream.isFlushed) return false
    return true
  }

  get onStream(): ((stream: ByteStream) => void) | null {
    return this.#onStream
  }

  set onStream(callback: ((stream: ByteStream) => void) | null) {
    this.#onStream = callback
    if (callback === null) return
    for (const stream of this.#undelivered.splice(0)) this.deliver(callback, stream)
  }

  /** Throws ERR_NODOSUM_LIMIT_STREAMS at the limit. */
  open(): SimulatedStream {
    const { streamsMax } = this.#options.limits
    if (this.#streams.size >= streamsMax) {
      const message = `this connection has ${streamsMax} streams open, its limit (streamsMax)`
      throw new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', message, { details: { streamsMax } })
    }
    const stream = new SimulatedStream(this.#nextLocalId, this.peerWindowBytes, this)
    this.#nextLocalId += 2
    this.#streams.set(stream.id, stream)
    return stream
  }

  /** @returns what the peer did wrong, or null */
  receive(segment: Extract<Segment, { readonly stream: number }>): string | null {
    const stream = this.#streams.get(segment.stream) ?? this.#adopt(segment)
    if (stream === undefined) return null
    if (segment.kind === 'data') {
      if (!stream.receive(segment.bytes)) return 'it sent more than the window of a stream'
    } else if (segment.kind === 'end') stream.receiveEnd()
    else if (segment.kind === 'reset') stream.die(segment.code)
    else stream.credit(segment.bytes)
    return null
  }

  /** Delivers and sends what waits; false when something is left for the next turn. */
  turn(): boolean {
    const wanting = this.#wanting
    this.#wanting = new Set()
    for (const stream of wanting) {
      stream.deliver()
      this.#transmit(stream)
      stream.notifyWritable()
    }
    return this.#wanting.size === 0
  }

  /** What has come is delivered where somebody reads. */
  deliverAll(): void {
    for (const stream of [...this.#streams.values()]) stream.deliver()
  }

  dieAll(code: number): void {
    this.acceptsWrites = false
    this.#undelivered = []
    for (const stream of [...this.#streams.values()]) stream.die(code)
    this.#wanting.clear()
  }

  wantsTurn(stream: SimulatedStream): void {
    this.#wanting.add(stream)
    this.#options.schedule()
  }

  sendReset(stream: SimulatedStream, code: number): void {
    this.#options.send({ kind: 'reset', stream: stream.id, code })
  }

  sendCredit(stream: SimulatedStream, bytes: number): void {
    this.#options.send({ kind: 'credit', stream: stream.id, bytes })
  }

  forget(stream: SimulatedStream): void {
    this.#streams.delete(stream.id)
  }

  bufferedChanged(bytes: number): void {
    this.bufferedBytes += bytes
  }

  deliver<Value>(callback: (value: Value) => void, value: Value): void {
    try {
      callback(value)
    } catch (error) {
      this.#options.onCallbackFailed(error)
    }
  }

  #transmit(stream: SimulatedStream): void {
    const { random, segmentBytesMax, send } = this.#options
    let left = turnBytesMax
    while (left > 0) {
      const bytes = stream.take(random.integer(1, segmentBytesMax()))
      if (bytes === null) break
      left -= bytes.length
      send({ kind: 'data', stream: stream.id, bytes })
    }
    if (stream.takeEnd()) send({ kind: 'end', stream: stream.id })
    else if (left <= 0) this.wantsTurn(stream)
  }

  #adopt(segment: Extract<Segment, { readonly stream: number }>): SimulatedStream | undefined {
    const id = segment.stream
    if (!this.#isNewRemote(id)) return undefined
    if (this.#streams.size >= this.#options.limits.streamsMax) {
      this.refused += 1
      this.#options.send({ kind: 'reset', stream: id, code: streamRefusedCode })
      return undefined
    }
    const stream = new SimulatedStream(id, this.peerWindowBytes, this)
    this.#streams.set(id, stream)
    if (this.#onStream === null) this.#undelivered.push(stream)
    else this.deliver(this.#onStream, stream)
    return stream
  }

  #isNewRemote(id: number): boolean {
    if ((id & 1) !== (this.#nextRemoteId & 1)) return false
    if (id < this.#nextRemoteId) return this.#skippedRemoteIds.delete(id)
    // Ids come from our own code at the other end, so the gap is bounded by its streamsMax.
    for (let skipped = this.#nextRemoteId; skipped < id; skipped += 2) {
      this.#skippedRemoteIds.add(skipped)
    }
    this.#nextRemoteId = id + 2
    return true
  }
}
