import type { ErrorCode, Random, Scheduler } from '@nodosum/kernel'
import type { HostPort } from './transport-shapes.ts'

/** How the bytes of connections fare; a change holds for what is sent from then on. */
export interface PathQuality {
  /** Milliseconds that everything takes in one direction. */
  readonly delayMs: number
  /** Up to this many milliseconds more, drawn for each segment; a lane keeps its order. */
  readonly jitterMs: number
  /** Share of segments that get lost, 0 to 1; each is sent again `resendMs` later. */
  readonly loss: number
  readonly resendMs: number
  /** Share of segments before which one direction of the connection stands still, 0 to 1. */
  readonly stallRate: number
  readonly stallMs: number
  /** What one direction of a connection carries in a millisecond; what is more waits in its order. */
  readonly bytesPerMs: number
  /** Bytes are cut into segments of 1 to so many bytes, whatever the chunks were. */
  readonly segmentBytesMax: number
  /** A connection breaks after exactly so many bytes of its streams have arrived, both ways. */
  readonly breakAfterBytes: number
}

/** What one end sends to the other. */
export type Segment =
  /** Handshake: the dialer's, the acceptor's answer, and the dialer's proof. */
  | {
      readonly kind: 'hello' | 'welcome' | 'finish'
      readonly protocol: string
      readonly chain: readonly Uint8Array[]
      readonly windowBytes: number
      readonly idleTimeoutMs: number
    }
  /** The handshake failed for this reason. */
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly words: string }
  | { readonly kind: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly stream: number }
  | { readonly kind: 'reset'; readonly stream: number; readonly code: number }
  /** The reader has taken so many bytes more. */
  | { readonly kind: 'credit'; readonly stream: number; readonly bytes: number }
  /** A segment that asks for it has arrived; when that was sent. */
  | { readonly kind: 'ack'; readonly sentMs: number }
  | { readonly kind: 'ping' | 'pong'; readonly number: number }
  | { readonly kind: 'alive' }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  /** What is no protocol. */
  | { readonly kind: 'noise'; readonly bytes: Uint8Array }

/** Who takes what arrives at one end. */
export interface LinkEnd {
  receive(segment: Segment, sentMs: number): void
  /** The path broke under the connection, and the system says so. */
  broken(): void
}

/** What links share; the mesh fits. */
export interface LinkPath {
  readonly quality: PathQuality
  readonly counters: { lost: number; stalls: number; broken: number }
  reaches(from: HostPort, to: HostPort): boolean
}

interface Lane {
  readonly queue: { readonly segment: Segment; readonly sentMs: number }[]
  /** Of the queue, how many wait for the path instead of a timer. */
  held: number
  lastMs: number
}

/** Bytes of headers and tags around a segment. */
const overheadBytes = 40

/** Whether the other end says that it has come. */
export function asksForAck({ kind }: Segment): boolean {
  return kind === 'data' || kind === 'end' || kind === 'reset' || kind === 'alive'
}

/** Bytes of a segment on its way; what carries no bytes of streams counts as 8. */
export function sizeOf(segment: Segment): number {
  return overheadBytes + (segment.kind === 'data' ? segment.bytes.length : 8)
}

/** The reliable carriage of one connection: in order for each stream, and late as told. */
export class SimulatedLink {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #path: LinkPath
  readonly #addresses: readonly [HostPort, HostPort]
  readonly #ends: [LinkEnd | null, LinkEnd | null] = [null, null]
  readonly #lanes: readonly [Map<number, Lane>, Map<number, Lane>] = [new Map(), new Map()]
  readonly #stalledMs: [number, number] = [0, 0]
  /** Until when each direction has something to carry. */
  readonly #busyMs: [number, number] = [0, 0]
  #arrivedBytes = 0
  #isBroken = false

  constructor(
    path: LinkPath,
    scheduler: Scheduler,
    random: Random,
    addresses: readonly [HostPort, HostPort],
  ) {
    this.#path = path
    this.#scheduler = scheduler
    this.#random = random
    this.#addresses = addresses
  }

  get quality(): PathQuality {
    return this.#path.quality
  }

  /** Nobody is left at either end. */
  get isDetached(): boolean {
    return this.#ends[0] === null && this.#ends[1] === null
  }

  /** Side 0 dialed, side 1 is dialed. Null: what arrives there vanishes. */
  attach(side: 0 | 1, end: LinkEnd | null): void {
    this.#ends[side] = end
  }

  /** @returns how often it got lost on its way */
  send(side: 0 | 1, segment: Segment): number {
    if (this.#isBroken) return 0
    const lanes = this.#lanes[side]
    const key = 'stream' in segment ? segment.stream : -1
    let lane = lanes.get(key)
    if (lane === undefined) {
      lane = { queue: [], held: 0, lastMs: 0 }
      lanes.set(key, lane)
    }
    lane.queue.push({ segment, sentMs: this.#scheduler.nowMs() })
    return this.#carry(side, key, lane)
  }

  /** The path may be open again: what waits goes on. */
  retry(): void {
    for (const side of [0, 1] as const) {
      for (const [key, lane] of this.#lanes[side]) {
        const held = lane.held
        lane.held = 0
        for (let count = 0; count < held; count += 1) this.#carry(side, key, lane)
      }
    }
  }

  /** Both ends hear of it; nothing more arrives. */
  break(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#path.counters.broken += 1
    for (const lanes of this.#lanes) lanes.clear()
    for (const side of [0, 1] as const) {
      this.#scheduler.after(0, () => this.#ends[side]?.broken())
    }
  }

  #isOpen(side: 0 | 1): boolean {
    return this.#path.reaches(this.#addresses[side], this.#addresses[1 - side] as HostPort)
  }

  #carry(side: 0 | 1, key: number, lane: Lane): number {
    if (!this.#isOpen(side)) {
      lane.held += 1
      return 0
    }
    const { delayMs, jitterMs, loss, resendMs, stallRate, stallMs, bytesPerMs } = this.#path.quality
    const nowMs = this.#scheduler.nowMs()
    const last = lane.queue[lane.queue.length - 1] as { readonly segment: Segment }
    const leftMs = Math.max(nowMs, this.#busyMs[side]) + sizeOf(last.segment) / bytesPerMs
    this.#busyMs[side] = leftMs
    let atMs = leftMs + delayMs + (jitterMs === 0 ? 0 : this.#random.float() * jitterMs)
    let losses = 0
    while (loss > 0 && losses < lossesMax && this.#random.float() < loss) losses += 1
    this.#path.counters.lost += losses
    if (stallRate > 0 && this.#random.float() < stallRate) {
      this.#stalledMs[side] = nowMs + stallMs
      this.#path.counters.stalls += 1
    }
    atMs = Math.max(atMs + losses * resendMs, this.#stalledMs[side], lane.lastMs)
    lane.lastMs = atMs
    this.#scheduler.after(atMs - nowMs, () => this.#arrive(side, key, lane))
    return losses
  }

  /** Delivers the first of the lane, whichever timer fired: so nothing overtakes in it. */
  #arrive(side: 0 | 1, key: number, lane: Lane): void {
    if (this.#isBroken) return
    if (!this.#isOpen(side)) {
      lane.held += 1
      return
    }
    const next = lane.queue.shift()
    if (next === undefined) return
    if (lane.queue.length === 0) this.#lanes[side].delete(key)
    const { segment, sentMs } = next
    const end = this.#ends[1 - side] ?? null
    if (segment.kind !== 'data') {
      end?.receive(segment, sentMs)
      return
    }
    const left = this.#path.quality.breakAfterBytes - this.#arrivedBytes
    if (segment.bytes.length < left) {
      this.#arrivedBytes += segment.bytes.length
      end?.receive(segment, sentMs)
      return
    }
    const bytes = segment.bytes.subarray(0, Math.max(0, left))
    this.#arrivedBytes += bytes.length
    if (bytes.length > 0) end?.receive({ ...segment, bytes }, sentMs)
    this.break()
  }
}

/** A segment that was lost so often gets through: time must not stand still at a loss of 1. */
const lossesMax = 20
