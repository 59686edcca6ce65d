import type { EngineConnection } from '../ports.ts'
import type { LocalClose } from './close-reason.ts'

/** What an orderly close under way waits for. */
export interface OrderlyCloseOptions {
  readonly engine: EngineConnection
  readonly done: Promise<void>
  /** Closes then in any case. */
  readonly deadlineMs: number
  /** Agreed by both ends. */
  readonly idleTimeoutMs: number
}

/**
 * Waits until the peer's engine has everything. The engine does not say so itself, but it arms its
 * loss timer exactly while something is unacknowledged: right after a packet came in, the only
 * timer left is then the idle one, at its full length.
 */
export class OrderlyClose {
  readonly done: Promise<void>
  readonly deadlineMs: number
  /** What it will say. */
  readonly end: LocalClose
  readonly #engine: EngineConnection
  readonly #freshTimeoutMs: number
  #askedForAck = false

  constructor(end: LocalClose, options: OrderlyCloseOptions) {
    this.end = end
    this.done = options.done
    this.deadlineMs = options.deadlineMs
    this.#engine = options.engine
    this.#freshTimeoutMs = options.idleTimeoutMs * 0.9
  }

  /**
   * @param isSent this end has handed everything to the network
   * @returns `ask` once: a packet must go out that the peer acknowledges, so that the idle timer
   *   is fresh when everything was
   */
  step(nowMs: number, isSent: boolean): 'over' | 'ask' | 'wait' {
    if (nowMs >= this.deadlineMs) return 'over'
    if (!isSent) return 'wait'
    if (this.#askedForAck) {
      const timeoutMs = this.#engine.timeout()
      return timeoutMs !== null && timeoutMs >= this.#freshTimeoutMs ? 'over' : 'wait'
    }
    this.#askedForAck = true
    this.#engine.sendAckEliciting()
    return 'ask'
  }
}
