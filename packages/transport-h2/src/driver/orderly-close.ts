import type { EngineSession } from '../ports.ts'
import type { LocalClose } from './close-reason.ts'

/**
 * A close under way. It waits until everything went to the socket, and then for the answer to a
 * ping: that says that the peer has what came before it.
 */
export class OrderlyClose {
  readonly done: Promise<void>
  readonly close: LocalClose
  #isAsked = false

  constructor(done: Promise<void>, close: LocalClose) {
    this.done = done
    this.close = close
  }

  /** @param over called at once when nobody can be asked */
  step(session: EngineSession | null, isFlushed: boolean, over: () => void): void {
    if (this.#isAsked || !isFlushed) return
    this.#isAsked = true
    if (session?.ping(over) !== true) over()
  }
}
