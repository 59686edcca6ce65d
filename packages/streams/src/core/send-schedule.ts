import { type LaneClass, laneClasses } from '../wire/open.ts'
import { PathFlight } from './path-flight.ts'
import type { Piece } from './retained-pieces.ts'
import type { SessionRules } from './rules.ts'
import type { SendStream } from './send-stream.ts'

/** While both wait, bulk lanes get one byte for so many of interactive lanes. */
export const interactiveWeight = 8

/** What bulk lanes have earned is paid from so many bytes on: about one piece. */
const payoutBytes = 65_536

export interface ScheduleLimits {
  /** See `PathFlight`. */
  readonly pathSpareBytes: number
  readonly scheduledWaitMaxMs: number
}

/** What leaves next, and from which stream. */
export interface Departure {
  readonly stream: SendStream
  readonly piece: Piece
}

/**
 * Which stream of a session may hand its next piece to the connection. First control, then
 * interactive lanes. Bulk and scheduled lanes only fill the path, so that what comes later does not
 * wait behind them; while interactive lanes alone fill it, bulk lanes get their share. Scheduled
 * lanes go when no other lane may, or when one of them has waited for too long. Lanes of one class
 * take turns.
 */
export class SendSchedule {
  /** The path of the connection there is now. */
  flight: PathFlight
  readonly #rules: SessionRules
  readonly #limits: ScheduleLimits
  readonly #lanes: Readonly<Record<LaneClass, SendStream[]>> = {
    interactive: [],
    bulk: [],
    scheduled: [],
  }
  #control: SendStream | null = null
  #earnedBytes = 0
  /** Since when scheduled lanes wait for others. */
  #waitsSinceMs: number | null = null
  #nowMs = 0

  constructor(limits: ScheduleLimits, rules: SessionRules) {
    this.#limits = limits
    this.#rules = rules
    this.flight = new PathFlight(rules, limits.pathSpareBytes)
  }

  /** A stream has something to send. */
  add(stream: SendStream): void {
    stream.isListed = true
    if (stream.laneClass === null) this.#control = stream
    else this.#lanes[this.#rules.rank(stream.laneClass)].push(stream)
  }

  clear(): void {
    this.#control = null
    for (const each of laneClasses) this.#lanes[each].length = 0
    this.#waitsSinceMs = null
  }

  /** Whether anybody is held back, so that news of the path matter. */
  get isHolding(): boolean {
    return this.#lanes.bulk.length > 0 || this.#lanes.scheduled.length > 0
  }

  /** When a scheduled lane has waited for long enough, or at `otherMs` if that is earlier. */
  deadlineMs(otherMs: number | null): number | null {
    const atMs = this.#overdueAtMs
    if (atMs === null || otherMs === null) return atMs ?? otherMs
    return Math.min(atMs, otherMs)
  }

  /** Another connection carries the session: what is known of the path no longer holds. */
  restart(): void {
    this.flight = new PathFlight(this.#rules, this.#limits.pathSpareBytes)
    this.#waitsSinceMs = null
    this.#earnedBytes = 0
  }

  turn(nowMs: number): void {
    this.#nowMs = nowMs
    this.flight.turn(nowMs)
  }

  /** The next piece that may leave, or null. */
  next(): Departure | null {
    return this.#nextOfControl() ?? this.#nextOfLanes()
  }

  #nextOfControl(): Departure | null {
    const stream = this.#control
    if (stream === null) return null
    const piece = stream.next()
    if (piece !== null) return { stream, piece }
    stream.isListed = false
    this.#control = null
    return null
  }

  #nextOfLanes(): Departure | null {
    const { interactive, bulk } = this.#lanes
    if (bulk.length === 0) this.#earnedBytes = 0
    if (this.#rules.isPaidOut(this.#earnedBytes, payoutBytes)) {
      const paid = this.#take('bulk')
      if (paid !== null) {
        this.#earnedBytes = Math.max(0, this.#earnedBytes - bytesOf(paid.piece))
        return paid
      }
    }
    const overdueAtMs = this.#overdueAtMs
    if (overdueAtMs !== null && this.#nowMs >= overdueAtMs) {
      this.#waitsSinceMs = null
      const late = this.#take('scheduled')
      if (late !== null) return late
    }
    const first = interactive.length > 0 ? this.#take('interactive') : null
    if (first !== null) {
      if (bulk.length > 0) this.#earn(bytesOf(first.piece))
      return first
    }
    if (!this.isHolding) return null
    if (this.flight.hasRoom()) {
      const filler = this.#take('bulk') ?? this.#take('scheduled')
      if (filler !== null) return filler
    }
    if (this.#lanes.scheduled.length > 0) this.#waitsSinceMs ??= this.#nowMs
    return null
  }

  get #overdueAtMs(): number | null {
    const sinceMs = this.#waitsSinceMs
    return sinceMs === null ? null : this.#rules.overdueAt(sinceMs, this.#limits.scheduledWaitMaxMs)
  }

  #earn(bytes: number): void {
    const earned = this.#earnedBytes + this.#rules.shareOfBulk(bytes, interactiveWeight)
    this.#earnedBytes = Math.min(earned, 2 * payoutBytes)
  }

  /** The next piece of a class; its lanes take turns. */
  #take(laneClass: LaneClass): Departure | null {
    const lanes = this.#lanes[laneClass]
    for (;;) {
      const stream = lanes[0]
      if (stream === undefined) return null
      const piece = stream.next()
      lanes.shift()
      if (piece === null) {
        stream.isListed = false
        continue
      }
      lanes.push(stream)
      if (laneClass === 'scheduled') this.#waitsSinceMs = null
      this.flight.handed(bytesOf(piece), this.#nowMs)
      return { stream, piece }
    }
  }
}

function bytesOf({ bytes, tail }: Piece): number {
  return bytes.length + (tail === null ? 0 : tail.length)
}
