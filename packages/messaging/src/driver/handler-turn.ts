import type { Scheduler } from '@nodosum/kernel'

/** The clock is read for the first handlers of a turn, then for one in so many. */
const readAlways = 8

/**
 * How much of one turn of the event loop handlers may keep, all applications together. A handler
 * that does not return cannot be interrupted; but what comes after it can wait for the next turn,
 * so that acknowledgements, refusals, membership and timers get theirs.
 */
export class HandlerTurn {
  readonly #scheduler: Scheduler
  readonly #maxMs: number
  readonly #waiting = new Set<() => void>()
  #isOpen = false
  #isOver = false
  #handlers = 0
  #startedMs = 0

  constructor(scheduler: Scheduler, maxMs: number) {
    this.#scheduler = scheduler
    this.#maxMs = maxMs
  }

  /** A handler is about to be called. */
  begin(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#handlers = 0
    this.#startedMs = this.#scheduler.nowMs()
    this.#scheduler.immediate(this.#end)
  }

  /** A handler has returned: whether the handlers have had their share of this turn. */
  returned(): boolean {
    const count = this.#handlers++
    if (count < readAlways || count % readAlways === 0) {
      this.#isOver = this.#scheduler.nowMs() - this.#startedMs >= this.#maxMs
    }
    return this.#isOver
  }

  /** Whether the handlers have had their share of this turn. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Calls `resume` once, in the next turn or a later one. */
  whenNext(resume: () => void): void {
    this.begin()
    this.#waiting.add(resume)
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume)
  }

  readonly #end = (): void => {
    // What was written in this turn leaves, and what has arrived is read, before the next handler.
    if (this.#waiting.size > 0) this.#scheduler.immediate(this.#next)
    else this.#close()
  }

  readonly #next = (): void => {
    this.#close()
    // Those that are not reached wait in front of those that come again.
    for (const resume of [...this.#waiting]) {
      this.#waiting.delete(resume)
      resume()
      if (this.#isOver) break
    }
    // Somebody has to end the turn for those who still wait.
    if (this.#waiting.size > 0) this.begin()
  }

  #close(): void {
    this.#isOpen = false
    this.#isOver = false
  }
}
