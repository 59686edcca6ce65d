import type { Node } from './api.ts'

/** Signals that ask a process to end. */
const signals = ['SIGTERM', 'SIGINT'] as const

/**
 * Drains and closes the node when the process gets SIGTERM or SIGINT, then lets the process end
 * by that signal, as it would have without this call. A second signal ends it at once. Where other
 * listeners for the signal are registered, ending the process is left to them.
 *
 * @param options.deadlineMs How long draining may take, 30 seconds unless told.
 * @returns a function that takes the signal handlers off again.
 */
export function closeOnSignals(node: Node, options: { deadlineMs?: number } = {}): () => void {
  let started = false
  const handler = (signal: NodeJS.Signals): void => {
    if (started) return finish(signal)
    started = true
    const drained = node.drain({ deadlineMs: options.deadlineMs ?? 30_000 })
    drained
      .catch(() => undefined)
      .then(() => node.close())
      .catch(() => undefined)
      .finally(() => finish(signal))
  }
  const release = (): void => {
    for (const signal of signals) process.removeListener(signal, handler)
  }
  const finish = (signal: NodeJS.Signals): void => {
    release()
    // Somebody else who listens has heard the signal already, and decides when the process ends.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  for (const signal of signals) process.on(signal, handler)
  void node.closed.then(() => {
    if (!started) release()
  })
  return release
}
