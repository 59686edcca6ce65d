/**
 * Where a stream stands. `opening`: the peer has not said that it takes it. `active`: something was
 * sent or received not long ago, or waits. `idle`: nothing has happened for a while and nothing
 * waits. `closing`: this end has closed it and the peer has not said that it knows. `closed`: its
 * number is never used again.
 */
export type StreamState = 'opening' | 'active' | 'idle' | 'closing' | 'closed'

/** What a look at a stream finds. */
export interface StreamSight {
  /** The peer has it. */
  readonly isOpen: boolean
  /** Messages so far; it only grows. */
  readonly messages: number
  /** Nothing waits: what was sent is acknowledged, what arrived is handed on. */
  readonly isQuiet: boolean
}

/**
 * The state of one stream and since when, found by looking at its counters now and then, so that a
 * message costs nothing for it. Times are exact to the time between two looks.
 */
export class StreamTimes {
  state: StreamState = 'opening'
  readonly openedMs: number
  /** Since when it is in its state. */
  sinceMs: number
  /** When the last message was seen. */
  lastUsedMs: number
  #messages = 0

  constructor(nowMs: number) {
    this.openedMs = nowMs
    this.sinceMs = nowMs
    this.lastUsedMs = nowMs
  }

  /** @param idleAfterMs without a message for so long it counts as idle */
  look(nowMs: number, { isOpen, messages, isQuiet }: StreamSight, idleAfterMs: number): void {
    if (this.state === 'closing' || this.state === 'closed') return
    if (messages !== this.#messages) {
      this.#messages = messages
      this.lastUsedMs = nowMs
    }
    if (!isOpen) return
    const isIdle = isQuiet && nowMs - this.lastUsedMs >= idleAfterMs
    this.enter(nowMs, isIdle ? 'idle' : 'active')
  }

  enter(nowMs: number, state: StreamState): void {
    if (this.state === state) return
    this.state = state
    this.sinceMs = nowMs
  }
}
