/** What gives way first when memory gets short: `bulk`, then `interactive`, never `control`. */
export type Importance = 'control' | 'interactive' | 'bulk'

export interface MemorySnapshot {
  readonly heldBytes: number
  readonly maxBytes: number
  /** What gives way now: nothing, bulk, or everything but control. */
  readonly sheds: 'nothing' | 'bulk' | 'interactive'
  /** How often work was refused with MEMORY_PRESSURE. */
  readonly refused: number
  /** How often a lane of messages was held up. */
  readonly held: number
}

/** Share of the budget from which on bulk gives way. */
const bulkShare = 0.75

/**
 * Bytes that messaging keeps for what is not finished: sends that wait, requests without a reply,
 * requests and messages that wait for their handlers or are being handled.
 */
export class MemoryBudget {
  readonly maxBytes: number
  refused = 0
  held = 0
  #heldBytes = 0
  readonly #waiting = new Set<() => void>()
  #isWaking = false

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** For messages about work that is refused. */
  get words(): string {
    return `work that is not finished holds ${this.#heldBytes} of ${this.maxBytes} bytes (memoryBytesMax)`
  }

  /** Whether something of this importance has to give way now. */
  isShortFor(importance: Importance): boolean {
    if (importance === 'control') return false
    const share = importance === 'bulk' ? bulkShare : 1
    return this.#heldBytes >= this.maxBytes * share
  }

  take(bytes: number): void {
    this.#heldBytes += bytes
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes
    if (this.#waiting.size === 0 || this.#isWaking) return
    this.#isWaking = true
    // One at a time: what is woken may take what has just become free.
    for (const resume of this.#waiting) {
      if (this.isShortFor('bulk')) break
      this.#waiting.delete(resume)
      resume()
    }
    this.#isWaking = false
  }

  /** Calls `resume` once when bulk need not give way any more. */
  whenBulkHasRoom(resume: () => void): void {
    this.held += 1
    this.#waiting.add(resume)
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume)
  }

  snapshot(): MemorySnapshot {
    const sheds = this.isShortFor('interactive')
      ? 'interactive'
      : this.isShortFor('bulk')
        ? 'bulk'
        : 'nothing'
    const { maxBytes, refused, held } = this
    return { heldBytes: this.#heldBytes, maxBytes, sheds, refused, held }
  }
}
