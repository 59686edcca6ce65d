import type { Scheduler, TimerHandle } from '@nodosum/kernel'

/**
 * One timer for the next deadline of a session. It is only ever set earlier, so that a deadline
 * which moves with every frame costs no timer each; it may fire when nothing is due.
 */
export class SessionTimer {
  readonly #scheduler: Scheduler
  readonly #fire: (nowMs: number) => void
  #handle: TimerHandle | null = null
  #atMs = 0

  constructor(scheduler: Scheduler, fire: (nowMs: number) => void) {
    this.#scheduler = scheduler
    this.#fire = fire
  }

  arm(deadlineMs: number | null): void {
    if (deadlineMs === null || (this.#handle !== null && this.#atMs <= deadlineMs)) return
    this.#handle?.cancel()
    this.#atMs = deadlineMs
    // Whole milliseconds: what rounding leaves of a time span would not move the clock.
    const inMs = Math.max(0, Math.ceil(deadlineMs - this.#scheduler.nowMs()))
    this.#handle = this.#scheduler.after(inMs, () => {
      this.#handle = null
      this.#fire(this.#scheduler.nowMs())
    })
  }

  cancel(): void {
    this.#handle?.cancel()
    this.#handle = null
  }
}
