import { BoundedQueue, invariant, type Scheduler } from '@nodosum/kernel'
import type { Tally } from '../core/counters.ts'
import type { TcpFaults } from '../core/faults.ts'
import type { StreamFaults } from '../core/stream-faults.ts'
import type { ByteSink, ByteSource } from '../ports.ts'
import { Alarm } from './alarm.ts'

/** What a lane needs to know. */
export interface TcpLaneSetup {
  readonly scheduler: Scheduler
  readonly decisions: StreamFaults
  readonly tally: Tally
  /** The faults of its direction at this moment. */
  readonly faults: () => TcpFaults
  readonly bytesMax: number
  readonly source: ByteSource
  /** Null for a connection that goes nowhere. */
  readonly sink: ByteSink | null
  /** The connection has to be reset: at both ends, or at the end the lane leads to. */
  readonly onReset: (where: 'both' | 'sink') => void
}

interface Item {
  readonly atMs: number
  readonly what: Uint8Array | 'end' | 'reset'
}

const nothing = new Uint8Array(0)
/** From here on it does not read, however small the chunks are; as much again may be in hand. */
const chunksMax = 16_384

/** One direction of one TCP connection: what goes in comes out late, in order, or not at all. */
export class TcpLane {
  readonly #setup: TcpLaneSetup
  readonly #alarm: Alarm
  readonly #items = new BoundedQueue<Item>(2 * chunksMax)
  #bytes = 0
  #passedBytes = 0
  #isPaused = false
  /** The chunk at the front is too large for a blackhole and has been counted. */
  #isStuck = false
  /** Something was swallowed, and a stream with a hole in it must not go on. */
  #isDead = false

  constructor(setup: TcpLaneSetup) {
    this.#setup = setup
    this.#alarm = new Alarm(setup.scheduler, () => this.release())
    this.#isDead = setup.sink === null
  }

  take(bytes: Uint8Array): void {
    const { tally } = this.#setup
    tally.received += 1
    tally.receivedBytes += bytes.length
    if (this.#swallows()) this.#discard(bytes)
    else this.#enqueue(bytes, bytes)
  }

  /** The source has half closed. */
  takeEnd(): void {
    if (!this.#swallows()) this.#enqueue(nothing, 'end')
  }

  /** The source has been reset. */
  takeReset(): void {
    if (!this.#swallows()) this.#enqueue(nothing, 'reset')
  }

  /** Passes on what is due; to be called when the faults have changed, and when the sink drained. */
  release(): void {
    const nowMs = this.#setup.scheduler.nowMs()
    for (let item = this.#items.peek(); item !== undefined; item = this.#items.peek()) {
      if (item.atMs > nowMs || this.#isHeld(item)) break
      this.#items.poll()
      this.#pass(item.what)
    }
    const front = this.#items.peek()
    const waits = front !== undefined && front.atMs > nowMs
    this.#alarm.arm(waits ? front.atMs : undefined)
    this.#pushBack()
  }

  /** The sink is gone: what is under way and what still comes leads nowhere. */
  die(): void {
    this.#isDead = true
    for (const { what } of this.#items.clear()) {
      if (typeof what !== 'string') this.#discard(what)
    }
    this.#bytes = 0
    this.#alarm.arm(undefined)
    this.#pushBack()
  }

  #swallows(): boolean {
    if (this.#setup.faults().halfOpen && this.#setup.sink !== null && !this.#isDead) {
      this.#setup.tally.halfOpen += 1
      this.#isDead = true
    }
    return this.#isDead
  }

  #discard(bytes: Uint8Array): void {
    this.#setup.tally.discarded += 1
    this.#setup.tally.discardedBytes += bytes.length
  }

  #enqueue(bytes: Uint8Array, what: Item['what']): void {
    const { decisions, scheduler, faults } = this.#setup
    const passage = decisions.decide(scheduler.nowMs(), bytes, faults())
    this.#bytes += bytes.length
    const item = { atMs: passage.atMs, what: typeof what === 'string' ? what : passage.bytes }
    invariant(this.#items.offer(item), 'a paused source goes on')
    this.release()
  }

  #isHeld({ what }: Item): boolean {
    const { stall, blackholeAboveBytes } = this.#setup.faults()
    if (stall) return true
    const isTooLarge = blackholeAboveBytes !== null && what.length > blackholeAboveBytes
    if (typeof what === 'string' || !isTooLarge) {
      this.#isStuck = false
      return false
    }
    if (!this.#isStuck) this.#setup.tally.blackhole += 1
    this.#isStuck = true
    return true
  }

  #pass(what: Item['what']): void {
    const { sink, tally, faults, onReset } = this.#setup
    if (what === 'end') return void sink?.end()
    if (what === 'reset') return onReset('sink')
    this.#bytes -= what.length
    const { resetAfterBytes } = faults()
    const room =
      resetAfterBytes === null ? Number.POSITIVE_INFINITY : resetAfterBytes - this.#passedBytes
    const passing = room >= what.length ? what : what.subarray(0, Math.max(0, room))
    if (passing.length > 0) sink?.write(passing)
    this.#passedBytes += passing.length
    tally.deliveredBytes += passing.length
    if (passing.length === what.length) tally.delivered += 1
    else this.#discard(what.subarray(passing.length))
    if (room > what.length) return
    tally.reset += 1
    onReset('both')
  }

  #pushBack(): void {
    const { source, sink, bytesMax } = this.#setup
    const heldBytes = this.#bytes + (this.#isDead ? 0 : (sink?.writableLength ?? 0))
    const chunks = this.#items.size
    if (!this.#isPaused && (heldBytes >= bytesMax || chunks >= chunksMax)) {
      this.#isPaused = true
      source.pause()
    } else if (this.#isPaused && heldBytes * 2 < bytesMax && chunks * 2 < chunksMax) {
      this.#isPaused = false
      source.resume()
    }
  }
}
