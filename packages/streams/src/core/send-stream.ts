import { invariant, varintLength, writeVarint } from '@nodosum/kernel'
import {
  frameBodyBytesMax,
  frameFlag,
  frameFlagsOffset,
  frameHeaderBytesMax,
  frameHeaderLength,
  writeFrameHeader,
} from '../wire/frame.ts'
import type { LaneRefusal } from '../wire/lane-end.ts'
import type { LaneClass } from '../wire/open.ts'
import type { ByteBudget } from './byte-budget.ts'
import { type Piece, RetainedPieces } from './retained-pieces.ts'
import type { ReturnReason, SessionRules } from './rules.ts'
import { type Slab, type SlabPool, slabBytes } from './slab-pool.ts'

/** A rest of a slab that is smaller than this is not used. */
const slabRestBytesMin = 4_096

/** Taken from the budgets before it is needed, so that few messages have to ask. */
const aheadBytes = 32_768

/** What every stream may keep however much all of them keep together. */
export const streamBytesMin = 65_536

const nothing = new Uint8Array(0)

/** What the peer may not have: frames by their sequences, both included. */
export interface UnknownFrames {
  readonly from: number
  readonly to: number
}

/** The layer above, which sends on a lane. */
export interface LaneOwner {
  /** Nothing about the lane is under way, so that it may be closed when nothing is sent on it. */
  readonly isIdle: boolean
  /**
   * The lane takes nothing more; what comes next goes to another one. Called synchronously; must
   * not throw. Not called when the session ends.
   *
   * @param refusal null: it was idle. Else why the peer does not take it
   * @param isUntouched nothing of it has reached the layer above at the peer
   */
  closed(refusal: LaneRefusal | null, isUntouched: boolean): void
}

interface LargeMessage {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

/**
 * The sending end of one stream. Frames of one turn of the event loop share few large buffers, so
 * that one costs a header and one copy of its body; they are kept until the peer has acknowledged
 * them, and leave again when the session goes on over another connection.
 */
export class SendStream {
  readonly stream: number
  /** What it is called in messages. */
  readonly label: string
  /** Null for the control stream. */
  readonly laneClass: LaneClass | null
  /** Called when there is room again after `hasRoom` said no. */
  onRoom: (() => void) | null = null
  /** Who sends on it. A lane that has none and is quiet is taken for a leak and closed. */
  owner: LaneOwner | null = null
  /** How often a message found no room. */
  refusedMessages = 0
  /** Stands in the list of streams that have something to send. */
  isListed = false
  /** The connection takes no more for now. */
  isBlocked = false
  #number = 0
  #sequence = 0
  #slab: Slab | null = null
  #buffer: Uint8Array = nothing
  #start = 0
  #at = 0
  #cutSequence = 0
  #lastFrameAt = -1
  /** The body of a message that takes several frames, until its frames are cut. */
  #large: LargeMessage | null = null
  #largeBytes = 0
  #limit: number
  #isStarved = false
  #isClosed = false
  readonly #pieces: RetainedPieces
  readonly #pool: SlabPool
  readonly #rules: SessionRules
  readonly #bufferBytesMax: number
  readonly #budget: ByteBudget
  /** Of the budgets, what this stream has taken: what it keeps, and some more for what comes. */
  #takenBytes = 0
  readonly #wake: (stream: SendStream) => void

  constructor(options: {
    stream: number
    label: string
    laneClass: LaneClass | null
    bufferBytesMax: number
    budget: ByteBudget
    creditLimit: number
    pool: SlabPool
    rules: SessionRules
    /** Asks for `next` at the end of this turn. */
    wake: (stream: SendStream) => void
  }) {
    this.stream = options.stream
    this.label = options.label
    this.laneClass = options.laneClass
    this.#bufferBytesMax = options.bufferBytesMax
    this.#budget = options.budget
    this.#limit = options.creditLimit
    this.#pool = options.pool
    this.#rules = options.rules
    this.#wake = options.wake
    this.#pieces = new RetainedPieces(options.pool, options.rules)
  }

  /** The number of the last message; 0 before the first. */
  get sequence(): number {
    return this.#number
  }

  /** Bytes that the peer has not acknowledged, whether they left or not. */
  get bufferedBytes(): number {
    return this.#pieces.keptBytes + this.#uncutBytes
  }

  /** Bytes that wait because connection or peer take no more for now. */
  get waitingBytes(): number {
    return this.#pieces.waitingBytes + this.#uncutBytes
  }

  /** Frames so far, without those that a large message is still to be cut into. */
  get frames(): number {
    return this.#sequence
  }

  /** The peer has handed on everything up to this frame. */
  get acknowledgedFrames(): number {
    return this.#pieces.acknowledgedSequence
  }

  /** Bytes of all messages so far, with their headers. */
  get sentBytes(): number {
    return this.#pieces.endOffset + this.#uncutBytes
  }

  /** How many bytes more may leave before the peer grants more. */
  get creditBytes(): number {
    return Math.max(0, this.#limit - (this.#pieces.endOffset - this.#pieces.waitingBytes))
  }

  /** What was sent again over another connection, in frames and bytes. */
  get retransmitted(): { readonly frames: number; readonly bytes: number } {
    const { retransmittedFrames, retransmittedBytes } = this.#pieces
    return { frames: retransmittedFrames, bytes: retransmittedBytes }
  }

  /** Whether messages are refused. */
  get closed(): boolean {
    return this.#isClosed
  }

  /** Whether a message of this size fits below the limits; a stream that is closed takes none. */
  hasRoom(bodyLength: number): boolean {
    if (this.#isClosed) return false
    const whole = this.bufferedBytes + bodyLength + frameHeaderBytesMax
    // Most often that is known from before.
    if (whole <= this.#takenBytes || this.#takes(whole)) return true
    this.#isStarved = true
    this.refusedMessages += 1
    if (this.#lastFrameAt >= this.#start) {
      const flagsAt = this.#lastFrameAt + frameFlagsOffset
      this.#buffer[flagsAt] = (this.#buffer[flagsAt] as number) | frameFlag.acknowledgeNow
    }
    return false
  }

  /** Where `frame` left the body to be written; read it after each call of `frame`. */
  get buffer(): Uint8Array {
    return this.#buffer
  }

  /**
   * Starts the next message and returns the offset in `buffer` at which exactly `bodyLength` bytes
   * have to be written before anything else happens.
   */
  frame(type: number, flags: number, bodyLength: number): number {
    invariant(!this.#isClosed, 'a frame was written to a stream that is closed')
    const afterLarge = this.#large !== null
    if (afterLarge) this.#cutLarge()
    this.#number += 1
    if (!this.isListed) this.#wake(this)
    if (bodyLength > frameBodyBytesMax) {
      const at = this.#startLarge(type, flags, bodyLength)
      if (afterLarge) this.#takeKept()
      return at
    }
    const sequence = this.#sequence + 1
    const need = frameHeaderLength(this.stream, sequence) + bodyLength
    if (this.#at + need > this.#buffer.length) this.#roll(need)
    this.#sequence = sequence
    const offset = this.#at
    this.#at += need
    this.#lastFrameAt = offset
    if (afterLarge) this.#takeKept()
    return writeFrameHeader(this.#buffer, offset, type, flags, this.stream, sequence, bodyLength)
  }

  /** The next bytes that may leave over the connection, or null. */
  next(): Piece | null {
    if (this.isBlocked) return null
    this.#cut()
    return this.#pieces.next(this.#limit)
  }

  /** False when the peer acknowledges what it cannot have. */
  acknowledged(sequence: number, creditLimit: number): boolean {
    if (!this.#pieces.acknowledge(sequence)) return false
    this.#giveBack('acknowledged')
    this.#moved(creditLimit)
    return true
  }

  /** The session goes on over another connection, on which the peer expects this sequence. */
  resumed(nextSequence: number, creditLimit: number): boolean {
    this.#cut()
    if (nextSequence > this.#sequence + 1 || !this.#pieces.rewind(nextSequence)) return false
    this.isBlocked = false
    this.#giveBack('resumed')
    this.#moved(creditLimit)
    return true
  }

  /** Refuses further messages; returns the frames that the peer may not have, null for none. */
  close(): UnknownFrames | null {
    if (!this.#isClosed) this.#cut()
    this.#isClosed = true
    const from = this.#pieces.acknowledgedSequence + 1
    this.#pieces.clear()
    this.#slab = null
    this.#buffer = nothing
    this.#start = 0
    this.#at = 0
    this.#giveBack('over')
    this.onRoom = null
    return this.#rules.reportsUnknown(from, this.#sequence) ? { from, to: this.#sequence } : null
  }

  /** Refuses further messages; everything is acknowledged, so its memory can be used again. */
  retire(): void {
    this.#leaveSlab()
    this.close()
  }

  get #uncutBytes(): number {
    return this.#at - this.#start + this.#largeBytes
  }

  /** Whether it may keep so much altogether; takes it from the budgets, a good piece at once. */
  #takes(whole: number): boolean {
    const kept = this.bufferedBytes
    // An empty buffer takes whatever a message may be.
    if (kept > 0) {
      if (!this.#rules.fits(kept, whole - kept, this.#bufferBytesMax)) return false
      // The control stream has a limit of its own, which answers otherwise.
      const isFree = this.laneClass === null || whole <= streamBytesMin
      if (!isFree && !this.#budget.admits(whole - this.#takenBytes)) return false
    }
    const ahead = Math.min(whole + aheadBytes, this.#bufferBytesMax)
    const isRoomy = ahead > whole && this.#budget.hasRoom(ahead - this.#takenBytes)
    this.#take(isRoomy ? ahead : whole)
    return true
  }

  /** The headers of a large message are known only when it is cut. */
  #takeKept(): void {
    if (this.bufferedBytes > this.#takenBytes) this.#take(this.bufferedBytes)
  }

  #take(whole: number): void {
    this.#budget.take(this.#rules.counts(whole - this.#takenBytes))
    this.#takenBytes = whole
  }

  #giveBack(why: ReturnReason): void {
    const bytes = this.#takenBytes - this.bufferedBytes
    this.#takenBytes -= bytes
    this.#budget.take(-this.#rules.givesBack(bytes, why))
  }

  #moved(creditLimit: number): void {
    if (creditLimit > this.#limit) this.#limit = creditLimit
    if (!this.isListed && this.waitingBytes > 0) this.#wake(this)
    if (!this.#isStarved || this.bufferedBytes * 2 > this.#bufferBytesMax) return
    this.#isStarved = false
    this.onRoom?.()
  }

  /** What was written since the last cut becomes a piece. */
  #cut(): void {
    if (this.#large !== null) this.#cutLarge()
    this.#takeKept()
    if (this.#at === this.#start) return
    this.#pieces.add({
      bytes: this.#buffer.subarray(this.#start, this.#at),
      tail: null,
      first: this.#cutSequence + 1,
      last: this.#sequence,
      end: this.#pieces.endOffset + this.#at - this.#start,
      slab: this.#slab,
    })
    this.#cutSequence = this.#sequence
    this.#start = this.#at
  }

  #roll(need: number): void {
    this.#cut()
    this.#leaveSlab()
    const isLarge = need > slabBytes - slabRestBytesMin
    this.#slab = this.#pool.take(isLarge ? need : slabBytes)
    this.#buffer = this.#slab.bytes
  }

  #leaveSlab(): void {
    if (this.#slab !== null) {
      this.#slab.isDone = true
      this.#pool.giveBack(this.#slab)
    }
    this.#slab = null
    this.#buffer = nothing
    this.#start = 0
    this.#at = 0
    this.#lastFrameAt = -1
  }

  /** The body gets a buffer of its own; headers are put between its parts without a copy. */
  #startLarge(type: number, flags: number, bodyLength: number): number {
    this.#cut()
    this.#leaveSlab()
    const body = this.#pool.take(bodyLength).bytes
    this.#large = { type, flags, body }
    this.#largeBytes = bodyLength
    this.#buffer = body
    return 0
  }

  #cutLarge(): void {
    const { type, flags, body } = this.#large as LargeMessage
    this.#large = null
    this.#largeBytes = 0
    this.#buffer = nothing
    for (let at = 0; at < body.length; at += frameBodyBytesMax) {
      const tail = body.subarray(at, at + frameBodyBytesMax)
      const sequence = ++this.#sequence
      const isLast = at + tail.length === body.length
      const head = new Uint8Array(frameHeaderBytesMax + varintLength(body.length))
      const sizeLength = at === 0 ? varintLength(body.length) : 0
      const parts = flags | (isLast ? 0 : frameFlag.more)
      const length = sizeLength + tail.length
      let end = writeFrameHeader(head, 0, type, parts, this.stream, sequence, length)
      if (at === 0) end = writeVarint(head, end, body.length)
      const bytes = head.subarray(0, end)
      const offset = this.#pieces.endOffset + end + tail.length
      this.#pieces.add({
        bytes,
        tail,
        first: sequence,
        last: sequence,
        end: offset,
        slab: null,
      })
    }
    this.#cutSequence = this.#sequence
  }
}
