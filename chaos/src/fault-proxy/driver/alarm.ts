import type { Scheduler, TimerHandle } from '@nodosum/kernel'

/** One timer for one deadline, which may move. */
export class Alarm {
  readonly #scheduler: Scheduler
  readonly #run: () => void
  #timer: TimerHandle | undefined
  #atMs = Number.POSITIVE_INFINITY

  constructor(scheduler: Scheduler, run: () => void) {
    this.#scheduler = scheduler
    this.#run = run
  }

  /** Undefined disarms it. A timer that goes off too early is set again by its owner. */
  arm(atMs: number | undefined): void {
    const wantedMs = atMs ?? Number.POSITIVE_INFINITY
    if (wantedMs === this.#atMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#atMs = wantedMs
    if (wantedMs === Number.POSITIVE_INFINITY) return
    // Timers of the machine count whole milliseconds and cut the rest off.
    const delayMs = Math.ceil(wantedMs - this.#scheduler.nowMs())
    this.#timer = this.#scheduler.after(Math.max(0, delayMs), () => {
      this.#timer = undefined
      this.#atMs = Number.POSITIVE_INFINITY
      this.#run()
    })
  }
}
