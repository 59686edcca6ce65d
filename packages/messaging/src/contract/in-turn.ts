/** Starts work in the order in which it came, for each sender and lane, however long checks take. */
export class InTurn {
  /** What started last, or waits to start; one entry for each that has something under way. */
  readonly #last = new Map<string, Promise<void>>()

  get isEmpty(): boolean {
    return this.#last.size === 0
  }

  /** Runs `start` with the value once everything before it under the same key has started. */
  async run<T>(key: string, value: T | Promise<T>, start: (value: T) => unknown): Promise<unknown> {
    const before = this.#last.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last.set(key, promise)
    try {
      const ready = await value
      await before
      // Not awaited: the next one waits until this has started, not until it has finished.
      return start(ready)
    } finally {
      resolve()
      if (this.#last.get(key) === promise) this.#last.delete(key)
    }
  }
}
