/** Time as a layer sees it; simulated in tests. Cores are given times, only drivers hold a clock. */
export interface Clock {
  /** Monotonic milliseconds since some start, may be fractional; only differences mean something. */
  nowMs(): number
  /** Milliseconds since 1970 by the machine's clock, which can jump. */
  wallMs(): number
}

/** A timer that was set. */
export interface TimerHandle {
  /** Keeps the timer from running; does nothing when it has run. */
  cancel(): void
}

/** Runs something later. */
export interface Timers {
  /**
   * Runs once, not before `delayMs` have passed and never before this call has returned.
   * A negative delay counts as 0.
   */
  after(delayMs: number, run: () => void): TimerHandle
  /**
   * Runs once, on the next turn of the event loop: after what waits in sockets has been received,
   * and never before this call has returned.
   */
  immediate(run: () => void): TimerHandle
}

/** Clock and timers of one source, so that a simulation replaces both together. */
export interface Scheduler extends Clock, Timers {}
