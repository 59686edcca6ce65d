import type { Scheduler } from '@nodosum/kernel'

/** Resolves after the time, or at once when the signal aborts. */
export function abortableSleep(
  scheduler: Scheduler,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = scheduler.after(delayMs, done)
    signal.addEventListener('abort', done, { once: true })
  })
}
