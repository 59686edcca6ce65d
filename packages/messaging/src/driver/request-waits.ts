import { NodosumError, type Scheduler } from '@nodosum/kernel'

/** Gives up waiting for a session when the request's time is over. */
export function withDeadline<T>(
  work: Promise<T>,
  leftMs: number,
  scheduler: Scheduler,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = scheduler.after(Math.max(1, leftMs), () => {
      release()
      reject(new NodosumError('ERR_NODOSUM_NOT_CONNECTED', 'no session before the deadline'))
    })
    const abort = (): void => {
      release()
      reject(cancelled())
    }
    const release = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
    signal?.addEventListener('abort', abort, { once: true })
    work.then(
      (value) => {
        release()
        resolve(value)
      },
      (error: Error) => {
        release()
        reject(error)
      },
    )
  })
}

/** Waits before a further attempt, or until the caller aborts. */
export function pause(
  delayMs: number,
  scheduler: Scheduler,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel()
      reject(cancelled())
    }
    const timer = scheduler.after(delayMs, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}

export function cancelled(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the request was aborted by its caller')
}
