import { BoundedQueue, NodosumError } from '@nodosum/kernel'
import type { MemberChange } from './api.ts'

/** How far a reader of `changes()` may fall behind. */
export const changesBehindMax = 1_024

/**
 * Member changes as an async iterable. It ends when the signal aborts or the node closes.
 *
 * @throws `LIMIT_PENDING` from the iteration once the reader is 1,024 changes behind: it has
 *   missed some and should look at `members()`.
 */
export async function* changeFeed(options: {
  subscribe: (listener: (change: MemberChange) => void) => () => void
  closed: Promise<unknown>
  signal: AbortSignal | undefined
}): AsyncGenerator<MemberChange, void, void> {
  const queue = new BoundedQueue<MemberChange>(changesBehindMax)
  let over = options.signal?.aborted === true
  let missed = false
  let wake: (() => void) | null = null
  const notify = (): void => {
    wake?.()
    wake = null
  }
  const end = (): void => {
    over = true
    notify()
  }
  const unsubscribe = options.subscribe((change) => {
    if (!queue.offer(change)) missed = true
    notify()
  })
  options.signal?.addEventListener('abort', end, { once: true })
  void options.closed.then(end)
  try {
    for (;;) {
      const next = queue.poll()
      if (next !== undefined) yield next
      else if (missed) {
        const message = `the reader of changes() is over ${changesBehindMax} changes behind`
        throw new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message)
      } else if (over) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    unsubscribe()
    options.signal?.removeEventListener('abort', end)
  }
}
