import { BoundedQueue, type Logger, type Scheduler } from '@nodosum/kernel'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { Importance, MemoryBudget } from '../core/memory-budget.ts'
import type { Envelope } from '../wire/envelope.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import type { HandlerTurn } from './handler-turn.ts'

/** What a handler learns about what it was given. */
export interface MessageContext {
  readonly from: string
  /** Whom the certificate of the sender names, as a URI; null when this node sent it itself. */
  readonly identity: string | null
  readonly messageId: string
  readonly application: string
  readonly lane: string
  readonly signal: AbortSignal
  readonly deadlineMs: number | null
  readonly key: string | null
  /** 1 for the first time that this request was sent, 2 when it was sent again, and so on. */
  readonly attempt: number
  /** Whether an earlier attempt may have been handled already. */
  readonly redelivered: boolean
  /** What the sender gave as `headers`; frozen, empty when there are none. */
  readonly headers: Readonly<Record<string, string>>
}

/** What all that arrives on one lane has in common. */
export interface Origin {
  readonly from: string
  readonly identity: string | null
  readonly application: string
  readonly lane: string
  readonly idPrefix: string
}

export type MessageHandler = (payload: unknown, context: MessageContext) => void | Promise<void>
export type RequestHandler = (payload: unknown, context: MessageContext) => unknown

/** The context; its signal costs something only when somebody looks at it. */
export class HandlerContext implements MessageContext {
  readonly deadlineMs: number | null
  readonly #origin: Origin
  readonly #envelope: Envelope
  readonly #sequence: number
  #aborted = false
  #controller: AbortController | null = null

  constructor(origin: Origin, sequence: number, envelope: Envelope, deadlineMs: number | null) {
    this.deadlineMs = deadlineMs
    this.#origin = origin
    this.#envelope = envelope
    this.#sequence = sequence
  }

  get from(): string {
    return this.#origin.from
  }

  get identity(): string | null {
    return this.#origin.identity
  }

  get application(): string {
    return this.#origin.application
  }

  get lane(): string {
    return this.#origin.lane
  }

  get key(): string | null {
    return this.#envelope.key
  }

  get attempt(): number {
    return this.#envelope.attempt
  }

  get redelivered(): boolean {
    return this.#envelope.redelivered
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#envelope.headers
  }

  get messageId(): string {
    return this.#origin.idPrefix + this.#sequence
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

/** A request that can wait for its handler. */
export interface Startable {
  start(): void
  /** Nobody waits for its reply any more. */
  readonly isGivenUp: boolean
  /** It is never going to start. */
  drop(): void
}

/** A full queue is searched for requests that were given up, at most so often. */
const sweepMs = 10

/** The handlers of one application on this node and how much of it runs. */
export class Handlers {
  readonly application: string
  onMessage: MessageHandler | null = null
  onRequest: RequestHandler | null = null
  /** True while the node drains: new work is refused. */
  draining = false
  readonly counters: DeliveryCounters
  readonly logger: Logger
  readonly policy: ApplicationPolicy
  readonly scheduler: Scheduler
  readonly memory: MemoryBudget
  readonly turn: HandlerTurn
  #messages = 0
  #requests = 0
  #startsQueued = false
  #requestQueue: BoundedQueue<Startable> | null = null
  #sweptMs = Number.NEGATIVE_INFINITY
  readonly #paused = new Set<() => void>()

  constructor(options: {
    application: string
    counters: DeliveryCounters
    logger: Logger
    policy: ApplicationPolicy
    scheduler: Scheduler
    memory: MemoryBudget
    turn: HandlerTurn
  }) {
    this.application = options.application
    this.counters = options.counters
    this.logger = options.logger
    this.policy = options.policy
    this.scheduler = options.scheduler
    this.memory = options.memory
    this.turn = options.turn
  }

  /** Handlers that have started and not finished, and requests that wait for one. */
  get busy(): number {
    return this.#messages + this.#requests + this.waiting
  }

  /** Handlers of messages and of requests that have started and not finished. */
  get running(): { readonly messages: number; readonly requests: number } {
    return { messages: this.#messages, requests: this.#requests }
  }

  /** Requests that wait for a handler. */
  get waiting(): number {
    return this.#requestQueue?.size ?? 0
  }

  /** What gives way when memory is short. */
  importance(kind: 'messages' | 'requests'): Importance {
    if (this.policy.isControl) return 'control'
    return kind === 'messages' ? 'bulk' : 'interactive'
  }

  get messagesAreFull(): boolean {
    return this.#messages >= this.policy.settings.handlerConcurrencyMax
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
  admitRequest(request: Startable): boolean {
    const { handlerConcurrencyMax, requestQueueMax } = this.policy.settings
    // What came first goes first: what waits for the next turn is not overtaken.
    if (this.#requests < handlerConcurrencyMax && this.waiting === 0 && !this.turn.isOver) {
      this.#start(request)
      return true
    }
    if (this.waiting >= requestQueueMax) this.#sweep()
    if (this.waiting >= requestQueueMax) return false
    this.#requestQueue ??= new BoundedQueue(requestQueueBound)
    this.#requestQueue.offer(request)
    this.#startWaiting()
    return true
  }

  requestFinished(): void {
    this.#requests -= 1
    this.#startWaiting()
  }

  #start(request: Startable): void {
    this.#requests += 1
    this.turn.begin()
    request.start()
    this.turn.returned()
  }

  /** Handlers that never return must not fill the queue with what nobody waits for. */
  #sweep(): void {
    const nowMs = this.scheduler.nowMs()
    if (this.#requestQueue === null || nowMs - this.#sweptMs < sweepMs) return
    this.#sweptMs = nowMs
    for (const request of this.#requestQueue.clear()) {
      if (request.isGivenUp) request.drop()
      else this.#requestQueue.offer(request)
    }
  }

  readonly #startWaiting = (): void => {
    // A request that ends at once comes back here; a loop, else a long queue would be a deep stack.
    if (this.#startsQueued) return
    this.#startsQueued = true
    while (this.#requests < this.policy.settings.handlerConcurrencyMax) {
      if (this.turn.isOver) {
        if (this.waiting > 0) this.turn.whenNext(this.#startWaiting)
        break
      }
      const next = this.#requestQueue?.poll()
      if (next === undefined) break
      this.#start(next)
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

/** The largest `requestQueueMax`; the queue's memory follows what waits. */
const requestQueueBound = 65_536

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
