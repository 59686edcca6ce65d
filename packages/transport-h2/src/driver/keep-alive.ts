import type { Scheduler, TimerHandle } from '@nodosum/kernel'

export interface KeepAliveOptions {
  readonly scheduler: Scheduler
  readonly keepAliveMs: number
  readonly idleTimeoutMs: number
  /** Bytes that have arrived since the connection began. */
  readonly receivedBytes: () => number
  /** Nothing arrived since the last look. */
  readonly onQuiet: () => void
  /** Nothing arrived for `idleTimeoutMs`. */
  readonly onSilent: () => void
}

/** So that silence is noticed at most a quarter late. */
const looksPerIdleTimeout = 4

/**
 * Looks at a connection at intervals. Silence is counted in looks and not by the clock: when the
 * event loop stood still, what arrived meanwhile is still in the socket at the first look, and
 * that look counts as one like any other.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions
  readonly #intervalMs: number
  #timer: TimerHandle
  #seenBytes: number
  #quietMs = 0

  constructor(options: KeepAliveOptions) {
    this.#options = options
    this.#intervalMs = Math.min(options.keepAliveMs, options.idleTimeoutMs / looksPerIdleTimeout)
    this.#seenBytes = options.receivedBytes()
    this.#timer = options.scheduler.after(this.#intervalMs, this.#look)
  }

  stop(): void {
    this.#timer.cancel()
  }

  readonly #look = (): void => {
    const { scheduler, idleTimeoutMs, receivedBytes, onQuiet, onSilent } = this.#options
    const bytes = receivedBytes()
    this.#quietMs = bytes === this.#seenBytes ? this.#quietMs + this.#intervalMs : 0
    this.#seenBytes = bytes
    if (this.#quietMs >= idleTimeoutMs) {
      onSilent()
      return
    }
    this.#timer = scheduler.after(this.#intervalMs, this.#look)
    if (this.#quietMs > 0) onQuiet()
  }
}
