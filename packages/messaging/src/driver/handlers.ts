import { BoundedQueue, type Logger, NodosumError, type Scheduler } from '@nodosum/kernel'
import type { Implementation, MethodHandler, StreamHandler } from '../contract/implement.ts'
import type { TypedCalls } from '../contract/typed-calls.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import type { Importance, MemoryBudget } from '../core/memory-budget.ts'
import type { ApplicationPolicy } from './application-policy.ts'
import { DeclaredFailure, InputRefused } from './failure.ts'
import type { MessageContext } from './handler-context.ts'
import type { HandlerTurn } from './handler-turn.ts'

export type MessageHandler = (payload: unknown, context: MessageContext) => void | Promise<void>
export type RequestHandler = (payload: unknown, context: MessageContext) => unknown

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
  /** What handlers call other nodes with. */
  readonly node: TypedCalls
  #methods: ReadonlyMap<string, MethodHandler> = new Map()
  #streams = 0
  readonly #streamsMax: number
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
    streamsMax: number
    node: TypedCalls
    policy: ApplicationPolicy
    scheduler: Scheduler
    memory: MemoryBudget
    turn: HandlerTurn
  }) {
    this.application = options.application
    this.counters = options.counters
    this.logger = options.logger
    this.node = options.node
    this.#streamsMax = options.streamsMax
    this.policy = options.policy
    this.scheduler = options.scheduler
    this.memory = options.memory
    this.turn = options.turn
  }

  /** Handlers that have started and not finished, and requests that wait for one. */
  get busy(): number {
    return this.#messages + this.#requests + this.#streams + this.waiting
  }

  /** Handlers of messages, requests and streams that have started and not finished. */
  get running(): {
    readonly messages: number
    readonly requests: number
    readonly streams: number
  } {
    return { messages: this.#messages, requests: this.#requests, streams: this.#streams }
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

  /** Whether this node runs the application: it has a handler. */
  get isRunning(): boolean {
    return this.onMessage !== null || this.onRequest !== null || this.#methods.size > 0
  }

  /** @throws `CONFIG_INVALID` when the application is implemented already */
  implement({ methods }: Implementation): void {
    if (this.#methods.size > 0) {
      const message = `contract ${this.application} is implemented twice on this node: implement it once`
      throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    this.#methods = methods
  }

  /** @param method of a contract; null for the untyped form */
  messageHandler(method: string | null): MessageHandler | null {
    if (method === null) return this.onMessage
    const found = this.#methods.get(method)
    return found?.kind === 'message' ? (found.handle as MessageHandler) : null
  }

  /** @param method of a contract; null for the untyped form */
  requestHandler(method: string | null): RequestHandler | null {
    if (method === null) return this.onRequest
    const found = this.#methods.get(method)
    return found?.kind === 'request' ? found.handle : null
  }

  streamHandler(method: string | null): StreamHandler | null {
    const found = method === null ? undefined : this.#methods.get(method)
    return found?.kind === 'streaming' ? found : null
  }

  /** What the sender is told who wants a handler that is not there. */
  noHandler(kind: 'message' | 'request' | 'streaming', method: string | null): string {
    const { application } = this
    if (method === null) {
      const registers = kind === 'message' ? 'onMessage' : 'onRequest'
      return `${application} has no ${kind} handler: ${registers} registers one, before others ask`
    }
    const found = this.#methods.get(method)
    if (found !== undefined) return `${application}.${method} is a ${found.kind}, no ${kind}`
    return `${application} has no method ${method} on this node`
  }

  /** False when as many streams run as may. */
  streamStarted(): boolean {
    if (this.#streams >= this.#streamsMax) return false
    this.#streams += 1
    return true
  }

  streamFinished(): void {
    this.#streams -= 1
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

  failed(kind: 'message' | 'request' | 'streaming', from: string, error: unknown): void {
    // No handler ran, or it answered as its contract says.
    if (error instanceof InputRefused || error instanceof DeclaredFailure) return
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
