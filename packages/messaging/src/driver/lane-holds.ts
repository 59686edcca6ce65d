import type { TimerHandle } from '@nodosum/kernel'
import type { IncomingLane } from '../ports.ts'
import type { Handlers } from './handlers.ts'

/** Why a lane of messages is held up; it goes on when no reason is left. */
const hold = { handlers: 1, turn: 2, rate: 4, memory: 8 } as const

/** How often a lane that waits for a rate looks at it, at least. */
const rateLookMs = 1_000

/** What a message that is being handled keeps beside its payload, roughly. */
const contextBytes = 256

/**
 * Holds up a lane of messages while its application has as much to do as it may. A lane that is
 * held up grants no credit, so its senders fill their buffers and wait: nothing is dropped.
 */
export class LaneHolds {
  readonly #lane: IncomingLane
  readonly #peer: string
  readonly #handlers: Handlers
  #reasons = 0
  #rateTimer: TimerHandle | null = null
  #over = false

  constructor(lane: IncomingLane, peer: string, handlers: Handlers) {
    this.#lane = lane
    this.#peer = peer
    this.#handlers = handlers
  }

  /** A handler is about to be called. */
  begin(): void {
    this.#handlers.turn.begin()
  }

  /** A handler has returned, perhaps with a promise. */
  returned(bytes: number): void {
    const { turn, policy } = this.#handlers
    if (turn.returned() && !policy.isControl) {
      this.#hold(hold.turn)
      turn.whenNext(this.#nextTurn)
    }
    if (policy.quotas.isLimited && !policy.isControl) {
      policy.quotas.spend(this.#peer, bytes, this.#handlers.scheduler.nowMs())
      this.#checkRate()
    }
  }

  /** A handler has returned a promise. */
  started(bytes: number): void {
    const { memory } = this.#handlers
    this.#handlers.messageStarted()
    memory.take(bytes + contextBytes)
    if (this.#handlers.messagesAreFull) {
      this.#hold(hold.handlers)
      this.#handlers.whenMessagesHaveRoom(this.#handlersHaveRoom)
    }
    if (memory.isShortFor(this.#handlers.importance('messages'))) {
      this.#hold(hold.memory)
      memory.whenBulkHasRoom(this.#memoryHasRoom)
    }
  }

  /** That promise has settled. */
  finished(bytes: number): void {
    this.#handlers.messageFinished()
    this.#handlers.memory.give(bytes + contextBytes)
  }

  /** The lane is over. */
  close(): void {
    this.#over = true
    this.#rateTimer?.cancel()
    this.#handlers.forget(this.#handlersHaveRoom)
    this.#handlers.turn.forget(this.#nextTurn)
    this.#handlers.memory.forget(this.#memoryHasRoom)
  }

  #hold(reason: number): void {
    if (this.#reasons === 0) this.#lane.pause()
    this.#reasons |= reason
  }

  #release(reason: number): void {
    if (this.#over || (this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons === 0) this.#lane.resume()
  }

  #checkRate(): void {
    const { policy, scheduler } = this.#handlers
    const waitMs = policy.quotas.waitMs(this.#peer, scheduler.nowMs())
    if (waitMs <= 0) return this.#release(hold.rate)
    this.#hold(hold.rate)
    this.#rateTimer ??= scheduler.after(Math.min(waitMs, rateLookMs), () => {
      this.#rateTimer = null
      // Another lane may have taken what has become free, and the quota may be another one.
      this.#checkRate()
    })
  }

  readonly #handlersHaveRoom = (): void => this.#release(hold.handlers)
  readonly #nextTurn = (): void => this.#release(hold.turn)
  readonly #memoryHasRoom = (): void => this.#release(hold.memory)
}
