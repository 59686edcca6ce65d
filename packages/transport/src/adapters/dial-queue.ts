/** The only place that touches `p-queue`. */
import PQueue from 'p-queue'

/** A task of the queue that can be taken out of it. */
export interface QueuedTask {
  readonly hasStarted: boolean
  /** Takes the task out; does nothing once it has started. */
  cancel(): void
}

/** Runs a bounded number of tasks at once and lets a bounded number wait, in their order. */
export class DialQueue {
  readonly #queue: PQueue
  readonly #waitingMax: number

  constructor(options: { runningMax: number; waitingMax: number }) {
    this.#queue = new PQueue({ concurrency: options.runningMax })
    this.#waitingMax = options.waitingMax
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Adds a task, which must not reject; null when as many wait as may. */
  offer(task: () => Promise<void>): QueuedTask | null {
    const { size, pending, concurrency } = this.#queue
    if (pending >= concurrency && size >= this.#waitingMax) return null
    const removal = new AbortController()
    let hasStarted = false
    const run = (): Promise<void> => {
      hasStarted = true
      return task()
    }
    // Rejects only for a task that was taken out, whose owner knows it.
    this.#queue.add(run, { signal: removal.signal }).catch(() => undefined)
    return {
      get hasStarted() {
        return hasStarted
      },
      // A task that runs keeps its place until it has really ended.
      cancel: () => {
        if (!hasStarted) removal.abort()
      },
    }
  }
}
