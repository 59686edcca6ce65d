import { BoundedQueue, type Logger } from '@nodosum/kernel'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'

/** What a handler learns about what it was given. */
export interface MessageContext {
  readonly from: string
  readonly messageId: string
  readonly application: string
  readonly lane: string
  readonly signal: AbortSignal
  readonly deadlineMs: number | null
  readonly key: string | null
}

export type MessageHandler = (payload: unknown, context: MessageContext) => void | Promise<void>
export type RequestHandler = (payload: unknown, context: MessageContext) => unknown

/** The context; its signal costs something only when somebody looks at it. */
export class HandlerContext implements MessageContext {
  readonly from: string
  readonly application: string
  readonly lane: string
  readonly key: string | null
  readonly deadlineMs: number | null
  readonly #idPrefix: string
  readonly #sequence: number
  #aborted = false
  #controller: AbortController | null = null

  constructor(
    origin: { from: string; application: string; lane: string; idPrefix: string },
    sequence: number,
    key: string | null,
    deadlineMs: number | null,
  ) {
    this.from = origin.from
    this.application = origin.application
    this.lane = origin.lane
    this.key = key
    this.deadlineMs = deadlineMs
    this.#idPrefix = origin.idPrefix
    this.#sequence = sequence
  }

  get messageId(): string {
    return this.#idPrefix + this.#sequence
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  get aborted(): boolean {
    return this.#aborted
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }
}

/** The handlers of one application on this node and how much of it runs. */
export class Handlers {
  readonly application: string
  onMessage: MessageHandler | null = null
  onRequest: RequestHandler | null = null
  /** True while the node drains: new work is refused. */
  draining = false
  #messages = 0
  #requests = 0
  #startsQueued = false
  readonly counters: DeliveryCounters
  readonly logger: Logger
  readonly #concurrencyMax: number
  readonly #requestQueue: BoundedQueue<() => void> | null
  readonly #paused = new Set<() => void>()

  constructor(options: {
    application: string
    counters: DeliveryCounters
    logger: Logger
    concurrencyMax: number
    requestQueueMax: number
  }) {
    this.application = options.application
    this.counters = options.counters
    this.logger = options.logger
    this.#concurrencyMax = options.concurrencyMax
    this.#requestQueue =
      options.requestQueueMax === 0 ? null : new BoundedQueue(options.requestQueueMax)
  }

  /** Handlers that have started and not finished, and requests that wait for one. */
  get busy(): number {
    return this.#messages + this.#requests + (this.#requestQueue?.size ?? 0)
  }

  get messagesAreFull(): boolean {
    return this.#messages >= this.#concurrencyMax
  }

  messageStarted(): void {
    this.#messages += 1
  }

  messageFinished(): void {
    this.#messages -= 1
    // One lane at a time: resuming it may take the place that has just become free.
    for (const resume of this.#paused) {
      if (this.messagesAreFull) return
      this.#paused.delete(resume)
      resume()
    }
  }

  /** Calls `resume` once there is room for another message handler; at most one per lane. */
  whenMessagesHaveRoom(resume: () => void): void {
    this.#paused.add(resume)
  }

  forget(resume: () => void): void {
    this.#paused.delete(resume)
  }

  /** Starts a request now or when its turn comes; false when the queue is full. */
  admitRequest(start: () => void): boolean {
    if (this.#requests < this.#concurrencyMax) {
      this.#requests += 1
      start()
      return true
    }
    return this.#requestQueue?.offer(start) ?? false
  }

  requestFinished(): void {
    this.#requests -= 1
    // A request that ends at once comes back here; a loop, else a long queue would be a deep stack.
    if (this.#startsQueued) return
    this.#startsQueued = true
    while (this.#requests < this.#concurrencyMax) {
      const next = this.#requestQueue?.poll()
      if (next === undefined) break
      this.#requests += 1
      next()
    }
    this.#startsQueued = false
  }

  failed(kind: 'message' | 'request', from: string, error: unknown): void {
    this.counters.handlerErrors += 1
    this.logger.warn(
      { event: 'handler.failed', application: this.application, kind, peer_id: from, err: error },
      `a ${kind} handler of ${this.application} failed`,
    )
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
