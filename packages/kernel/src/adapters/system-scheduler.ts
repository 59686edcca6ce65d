import { performance } from 'node:perf_hooks'
import type { Scheduler, TimerHandle } from '../core/clock.ts'

// setTimeout runs at once when given more than this.
const timeoutMsMax = 2_147_483_647

/** How the timers of the machine behave. */
export interface SystemSchedulerOptions {
  /** Whether waiting timers let the process end; default false. */
  readonly unref?: boolean
}

/** Clock and timers of the machine. Delays of any length are kept. */
export function systemScheduler(options: SystemSchedulerOptions = {}): Scheduler {
  const unref = options.unref ?? false
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, run) => new SystemTimer(delayMs, run, unref),
    immediate: (run) => {
      const immediate = setImmediate(run)
      if (unref) immediate.unref()
      return { cancel: () => clearImmediate(immediate) }
    },
  }
}

class SystemTimer implements TimerHandle {
  readonly #run: () => void
  readonly #unref: boolean
  #remainingMs: number
  #timeout: NodeJS.Timeout | undefined

  constructor(delayMs: number, run: () => void, unref: boolean) {
    this.#run = run
    this.#unref = unref
    this.#remainingMs = Math.max(0, delayMs)
    this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
    this.#timeout = undefined
  }

  #arm(): void {
    const stepMs = Math.min(this.#remainingMs, timeoutMsMax)
    this.#remainingMs -= stepMs
    this.#timeout = setTimeout(() => this.#expire(), stepMs)
    if (this.#unref) this.#timeout.unref()
  }

  #expire(): void {
    if (this.#remainingMs > 0) {
      this.#arm()
      return
    }
    this.#timeout = undefined
    this.#run()
  }
}
