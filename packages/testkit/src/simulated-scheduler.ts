import { invariant, type Scheduler, type TimerHandle } from '@nodosum/kernel'

/** Most timers that one run may fire: more is a loop without progress. */
const timersPerRunMax = 1_000_000_000
/** Most timers that may fire at one moment: more is a loop in which no time passes. */
const timersPerMomentMax = 10_000_000
/** Cancelled timers are swept out once there are more of them than of others, and than this. */
const cancelledKept = 1_024

/** Time that moves only when told, for code that takes the kernel's `Scheduler`. */
export interface SimulatedScheduler extends Scheduler {
  /** Timers that have not fired and were not cancelled. */
  readonly pendingTimers: number
  /**
   * Fires everything that is due within the next `durationMs`, in order of time, and of creation
   * where times are equal; timers that these create are fired too when they fall into it.
   */
  runFor(durationMs: number): void
  /**
   * Fires the next timer if it is due within the next `withinMs`, and moves time to it.
   *
   * @returns false when none is; time stands still then
   */
  runNext(withinMs: number): boolean
  /**
   * Goes from timer to timer until the condition holds.
   *
   * @returns how many milliseconds that took
   * @throws when `limitMs` pass without it, or when no timer is left; the message says which
   */
  runUntil(condition: () => boolean, limitMs: number): number
}

/** How simulated time behaves. */
export interface SimulatedSchedulerOptions {
  /** What the monotonic clock shows first, in milliseconds; default 0. */
  readonly startMs?: number
  /** What the wall clock shows first, milliseconds since 1970; default 2026-01-01T00:00:00Z. */
  readonly wallStartMs?: number
  /**
   * `simulated` (default): the next turn comes when time is told to move, even by 0. `real`: it is
   * Node's own, for tests in which promises and turns go on while timers stand still.
   */
  readonly turns?: 'simulated' | 'real'
}

export function simulatedScheduler(options: SimulatedSchedulerOptions = {}): SimulatedScheduler {
  return new TimerHeap(options)
}

class Timer implements TimerHandle {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
  readonly #owner: TimerHeap

  constructor(owner: TimerHeap, atMs: number, order: number, run: () => void) {
    this.#owner = owner
    this.atMs = atMs
    this.order = order
    this.run = run
  }

  cancel(): void {
    if (this.run === null) return
    // What it would have run must not stay in memory.
    this.run = null
    this.#owner.cancelled()
  }
}

/** A binary heap of timers, ordered by time and then by creation. */
class TimerHeap implements SimulatedScheduler {
  #nowMs: number
  #created = 0
  #live = 0
  #atThisMoment = 0
  readonly #startMs: number
  readonly #wallStartMs: number
  readonly #turns: 'simulated' | 'real'
  #heap: Timer[] = []

  constructor(options: SimulatedSchedulerOptions) {
    this.#startMs = options.startMs ?? 0
    this.#nowMs = this.#startMs
    this.#wallStartMs = options.wallStartMs ?? 1_767_225_600_000
    this.#turns = options.turns ?? 'simulated'
  }

  get pendingTimers(): number {
    return this.#live
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#wallStartMs + (this.#nowMs - this.#startMs)
  }

  after(delayMs: number, run: () => void): TimerHandle {
    if (!Number.isFinite(delayMs)) invariant(false, `a timer needs a finite delay, not ${delayMs}`)
    const atMs = delayMs > 0 ? this.#nowMs + delayMs : this.#nowMs
    const timer = new Timer(this, atMs, this.#created++, run)
    this.#live += 1
    this.#push(timer)
    return timer
  }

  immediate(run: () => void): TimerHandle {
    if (this.#turns === 'simulated') return this.after(0, run)
    const immediate = setImmediate(run)
    return { cancel: () => clearImmediate(immediate) }
  }

  cancelled(): void {
    this.#live -= 1
    const dead = this.#heap.length - this.#live
    if (dead > cancelledKept && dead > this.#live) this.#sweep()
  }

  runFor(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs
    for (let fired = 0; this.#fireNext(untilMs); fired++) {
      invariant(fired < timersPerRunMax, 'timers go on for ever')
    }
    this.#nowMs = untilMs
  }

  runNext(withinMs: number): boolean {
    return this.#fireNext(this.#nowMs + withinMs)
  }

  runUntil(condition: () => boolean, limitMs: number): number {
    const startedMs = this.#nowMs
    const untilMs = startedMs + limitMs
    for (let fired = 0; !condition(); fired++) {
      invariant(fired < timersPerRunMax, 'timers go on for ever')
      if (this.#fireNext(untilMs)) continue
      const why = this.#live === 0 ? 'no timer is left' : `${limitMs} ms have passed`
      throw new Error(`the condition does not hold and ${why} (now ${this.#nowMs} ms)`)
    }
    return this.#nowMs - startedMs
  }

  /** False when nothing is due until then. */
  #fireNext(untilMs: number): boolean {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) return false
      this.#pop()
      const { run } = next
      if (run === null) continue
      next.run = null
      this.#live -= 1
      this.#atThisMoment = next.atMs > this.#nowMs ? 0 : this.#atThisMoment + 1
      invariant(this.#atThisMoment < timersPerMomentMax, 'timers fire without time passing')
      if (next.atMs > this.#nowMs) this.#nowMs = next.atMs
      run()
      return true
    }
  }

  /** A sorted array is a heap, and the order in which timers fire does not depend on its shape. */
  #sweep(): void {
    this.#heap = this.#heap.filter(({ run }) => run !== null)
    this.#heap.sort((a, b) => (isBefore(a, b) ? -1 : 1))
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent] as Timer)) break
      heap[at] = heap[parent] as Timer
      at = parent
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Timer
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = child + 1
      if (right < heap.length && isBefore(heap[right] as Timer, heap[child] as Timer)) child = right
      if (!isBefore(heap[child] as Timer, last)) break
      heap[at] = heap[child] as Timer
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs
}
