import type { Scheduler } from '@nodosum/kernel'
import type { Session } from './session.ts'

/** Frames of one turn of the event loop leave together at its end. */
export class EndOfTurn {
  readonly #scheduler: Scheduler
  readonly #sessions = new Set<Session>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** The session is flushed at the end of this turn. */
  add(session: Session): void {
    this.#sessions.add(session)
    if (this.#sessions.size === 1) this.#scheduler.immediate(this.#flush)
  }

  readonly #flush = (): void => {
    const sessions = [...this.#sessions]
    this.#sessions.clear()
    for (const session of sessions) session.flush()
  }
}
