import { NodosumError } from '@nodosum/kernel'

/** The result of the work, unless the signal aborts first; the work's later end is ignored. */
export async function abortable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw cancelled(signal)
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(cancelled(signal))
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work(), aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function cancelled(signal: AbortSignal): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'The look for members was cancelled.', {
    cause: signal.reason,
  })
}
