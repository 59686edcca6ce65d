/** A moment after which nobody waits any more. */
export interface Deadline {
  /** Resolves when the time is over or the signal aborted, whichever is first. */
  readonly passed: Promise<undefined>
  /** Must be called when the work is done: the timer keeps the process alive. */
  clear(): void
}

export function deadline(signal: AbortSignal, afterMs: number): Deadline {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const pass = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', pass)
    resolve(undefined)
  }
  const timer = setTimeout(pass, afterMs)
  signal.addEventListener('abort', pass)
  if (signal.aborted) pass()
  return { passed: promise, clear: pass }
}
