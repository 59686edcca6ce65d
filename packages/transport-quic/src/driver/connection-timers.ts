import type { Scheduler, TimerHandle } from '@nodosum/kernel'

/** Somebody with one next deadline. */
export interface Timed {
  /** On the scheduler's clock; Infinity for none. */
  deadlineMs: number
  /** Called at or after the deadline; sets the next one through `ConnectionTimers.update`. */
  onDeadline(nowMs: number): void
}

/**
 * One timer for all connections. A timer that fires late means that the event loop stood still,
 * and then packets are waiting in the socket: those are received first, since a connection whose
 * peer did speak must not be ended for silence.
 */
export class ConnectionTimers {
  readonly #scheduler: Scheduler
  readonly #packetsSeen: () => number
  readonly #timed = new Set<Timed>()
  #timer: TimerHandle | null = null
  #armedMs = Number.POSITIVE_INFINITY
  #deferral: TimerHandle | null = null
  /** How often a late timer waited for packets. */
  deferrals = 0

  constructor(scheduler: Scheduler, packetsSeen: () => number) {
    this.#scheduler = scheduler
    this.#packetsSeen = packetsSeen
  }

  add(timed: Timed): void {
    this.#timed.add(timed)
  }

  remove(timed: Timed): void {
    this.#timed.delete(timed)
    if (this.#timed.size === 0) this.#disarm()
  }

  /** An earlier deadline rearms; a later one lets the timer fire for nothing, which is cheaper. */
  update(timed: Timed, deadlineMs: number): void {
    timed.deadlineMs = deadlineMs
    if (deadlineMs < this.#armedMs) this.#arm(deadlineMs)
  }

  close(): void {
    this.#timed.clear()
    this.#disarm()
  }

  #arm(deadlineMs: number): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#armedMs = deadlineMs
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    // At least one millisecond: the engine rounds down, and zero would spin.
    const delayMs = Math.max(1, Math.ceil(deadlineMs - this.#scheduler.nowMs()))
    this.#timer = this.#scheduler.after(Math.min(delayMs, delayMsMax), this.#fired)
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#armedMs = Number.POSITIVE_INFINITY
    this.#deferral?.cancel()
    this.#deferral = null
  }

  readonly #fired = (): void => {
    this.#timer = null
    if (this.#deferral !== null) return
    const lateMs = this.#scheduler.nowMs() - this.#armedMs
    if (lateMs > lateMsMax) this.#defer(deferralsMax)
    else this.#run()
  }

  /** The event loop polls the socket between a timer and an immediate; repeat while it yields. */
  #defer(left: number): void {
    this.deferrals += 1
    const before = this.#packetsSeen()
    this.#deferral = this.#scheduler.immediate(() => {
      this.#deferral = null
      if (left > 1 && this.#packetsSeen() !== before) this.#defer(left - 1)
      else this.#run()
    })
  }

  #run(): void {
    const nowMs = this.#scheduler.nowMs()
    // While this runs, nobody rearms: the earliest deadline is found once, at the end.
    this.#armedMs = Number.NEGATIVE_INFINITY
    for (const timed of this.#timed) {
      if (timed.deadlineMs <= nowMs) timed.onDeadline(nowMs)
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (const timed of this.#timed) nextMs = Math.min(nextMs, timed.deadlineMs)
    this.#arm(nextMs)
  }
}

/** Later than this, the event loop was blocked. */
const lateMsMax = 20
/** Each poll takes up to 32 datagrams: enough for 4 MiB of small ones. */
const deferralsMax = 256
/** Timers take 31 bits. */
const delayMsMax = 2 ** 31 - 1
