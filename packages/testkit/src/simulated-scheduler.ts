import { invariant, type Scheduler, type TimerHandle } from '@nodosum/kernel'

/** Most timers that one simulated second may fire: more is a loop without progress. */
const timersPerRunMax = 10_000_000

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
   * Goes from timer to timer until the condition holds.
   *
   * @returns how many milliseconds that took
   * @throws when `limitMs` pass without it, or when no timer is left; the message says which
   */
  runUntil(condition: () => boolean, limitMs: number): number
}

interface Timer extends TimerHandle {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
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

/** A binary heap of timers, ordered by time and then by creation. */
class TimerHeap implements SimulatedScheduler {
  #nowMs: number
  #created = 0
  #live = 0
  readonly #startMs: number
  readonly #wallStartMs: number
  readonly #turns: 'simulated' | 'real'
  readonly #heap: Timer[] = []

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
    invariant(Number.isFinite(delayMs), `a timer needs a finite delay, not ${delayMs}`)
    const timer: Timer = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#created++,
      run,
      cancelled: false,
      cancel: () => {
        if (timer.cancelled) return
        timer.cancelled = true
        this.#live -= 1
      },
    }
    this.#live += 1
    this.#push(timer)
    return timer
  }

  immediate(run: () => void): TimerHandle {
    if (this.#turns === 'simulated') return this.after(0, run)
    const immediate = setImmediate(run)
    return { cancel: () => clearImmediate(immediate) }
  }

  runFor(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs
    for (let fired = 0; this.#fireNext(untilMs); fired++) {
      invariant(fired < timersPerRunMax, 'timers go on for ever without time passing')
    }
    this.#nowMs = untilMs
  }

  runUntil(condition: () => boolean, limitMs: number): number {
    const startedMs = this.#nowMs
    const untilMs = startedMs + limitMs
    for (let fired = 0; !condition(); fired++) {
      invariant(fired < timersPerRunMax, 'timers go on for ever without time passing')
      if (this.#fireNext(untilMs)) continue
      const why = this.#live === 0 ? 'no timer is left' : `${limitMs} ms have passed`
      throw new Error(`the condition does not hold and ${why} (now ${this.#nowMs} ms)`)
    }
    return this.#nowMs - startedMs
  }

  /** False when nothing is due until then. */
  #fireNext(untilMs: number): boolean {
    for (;;) {
      const [next] = this.#heap
      if (next === undefined || next.atMs > untilMs) return false
      this.#pop()
      if (next.cancelled) continue
      next.cancelled = true
      this.#live -= 1
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
      return true
    }
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
