import { frameBytesAt } from '../wire/frame.ts'
import type { SessionRules } from './rules.ts'
import type { Slab, SlabPool } from './slab-pool.ts'

/** Consecutive frames of one stream that leave together and are kept until they have arrived. */
export interface Piece {
  readonly bytes: Uint8Array
  /** The body of a frame whose header is `bytes`; null when `bytes` has everything. */
  readonly tail: Uint8Array | null
  /** Sequences of its first and last frame. */
  readonly first: number
  readonly last: number
  /** Offset in the stream after it, counted from the first frame of the session. */
  readonly end: number
  readonly slab: Slab | null
}

/** A run of forgotten entries is cut off the front of the list when it is this long. */
const forgottenMax = 16

/** What one stream has sent, or has yet to send, and its peer has not acknowledged. */
export class RetainedPieces {
  /** The highest sequence that was ever handed to a connection. */
  sentSequence = 0
  acknowledgedSequence = 0
  /** Frames and bytes that were sent again over another connection. */
  retransmittedFrames = 0
  retransmittedBytes = 0
  #pieces: Piece[] = []
  /** Index of the first one that is kept. */
  #first = 0
  /** Index of the first one that was not handed to the connection there is now. */
  #next = 0
  /** Offset at which the kept ones start. */
  #startOffset = 0
  /** Offset after the last one that was added. */
  #endOffset = 0
  readonly #pool: SlabPool
  readonly #rules: SessionRules

  constructor(pool: SlabPool, rules: SessionRules) {
    this.#pool = pool
    this.#rules = rules
  }

  /** Where the next piece that is added starts. */
  get endOffset(): number {
    return this.#endOffset
  }

  get keptBytes(): number {
    return this.#endOffset - this.#startOffset
  }

  /** Bytes that wait to be handed to a connection. */
  get waitingBytes(): number {
    const next = this.#pieces[this.#next]
    return next === undefined ? 0 : this.#endOffset - startOf(next)
  }

  add(piece: Piece): void {
    if (piece.slab !== null) piece.slab.pieces += 1
    this.#pieces.push(piece)
    this.#endOffset = piece.end
  }

  /** The next piece that may leave, of which no frame starts at `limit` or after it. */
  next(limit: number): Piece | null {
    const piece = this.#pieces[this.#next]
    if (piece === undefined || !this.#rules.mayStart(startOf(piece), limit)) return null
    // Most often all of it may leave.
    if (!this.#rules.mayStart(piece.end - 1, limit)) {
      this.#split(piece, (offset) => !this.#rules.mayStart(offset, limit))
    }
    const taken = this.#pieces[this.#next++] as Piece
    if (taken.last > this.sentSequence) this.sentSequence = taken.last
    return taken
  }

  /** The peer has everything up to this sequence. False when it cannot have. */
  acknowledge(sequence: number): boolean {
    if (sequence > this.sentSequence) return false
    if (sequence <= this.acknowledgedSequence) return true
    this.acknowledgedSequence = sequence
    this.#forget(this.#rules.forgetsUpTo(sequence))
    return true
  }

  /** On another connection, everything from this sequence on leaves again. */
  rewind(sequence: number): boolean {
    if (sequence <= this.acknowledgedSequence || !this.acknowledge(sequence - 1)) return false
    this.#next = this.#first
    const piece = this.#pieces[this.#first]
    if (piece !== undefined && piece.first < sequence) {
      const frames = sequence - piece.first
      this.#split(piece, (_offset, index) => index === frames)
      this.#forget(sequence - 1)
    }
    // A connection that is fenced may still hold views of what it was given.
    for (let index = this.#first; index < this.#pieces.length; index++) {
      const { slab, first, last, bytes, tail } = this.#pieces[index] as Piece
      if (first > this.sentSequence) break
      if (slab !== null) slab.isShared = true
      this.retransmittedFrames += Math.min(last, this.sentSequence) - first + 1
      this.retransmittedBytes += bytes.length + (tail === null ? 0 : tail.length)
    }
    return true
  }

  clear(): void {
    this.#pieces = []
    this.#first = 0
    this.#next = 0
    this.#startOffset = this.#endOffset
  }

  #forget(sequence: number): void {
    for (;;) {
      const piece = this.#pieces[this.#first]
      if (piece === undefined || piece.last > sequence) break
      this.#first += 1
      this.#startOffset = piece.end
      if (piece.slab === null) continue
      piece.slab.pieces -= 1
      this.#pool.giveBack(piece.slab)
    }
    if (this.#next < this.#first) this.#next = this.#first
    if (this.#first < forgottenMax || this.#first * 2 < this.#pieces.length) return
    this.#pieces.splice(0, this.#first)
    this.#next -= this.#first
    this.#first = 0
  }

  /** Splits a piece, which is at `#next`, in front of the first frame for which `isAfter` holds. */
  #split(piece: Piece, isAfter: (offset: number, index: number) => boolean): void {
    const { bytes, first, last, slab } = piece
    if (first === last) return
    const start = startOf(piece)
    let at = frameBytesAt(bytes, 0)
    for (let index = 1; index <= last - first; index++) {
      if (isAfter(start + at, index)) {
        const head = { ...piece, bytes: bytes.subarray(0, at), last: first + index - 1 }
        const rest = { ...piece, bytes: bytes.subarray(at), first: first + index }
        this.#pieces.splice(this.#next, 1, { ...head, end: start + at }, rest)
        if (slab !== null) slab.pieces += 1
        return
      }
      at += frameBytesAt(bytes, at)
    }
  }
}

function startOf({ end, bytes, tail }: Piece): number {
  return end - bytes.length - (tail === null ? 0 : tail.length)
}
