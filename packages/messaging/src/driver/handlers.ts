import { BoundedQueue, type Logger, NodosumError } from '@nodosum/kernel'
import type { Implementation, MethodHandler, StreamHandler } from '../contract/implement.ts'
import type { TypedCalls } from '../contract/typed-calls.ts'
import type { DeliveryCounters } from '../core/delivery-ledger.ts'
import { DeclaredFailure, InputRefused } from './failure.ts'

/** What a handler learns about what it was given. */
export interface MessageContext {
  readonly from: string
  readonly messageId: string
  readonly application: string
  readonly lane: string
  readonly signal: AbortSignal
  readonly deadlineMs: number | null
  readonly key: string | null
  /** Calls to other nodes, and to this one, by contract. */
  readonly node: TypedCalls
}

/** What all contexts of one incoming lane have in common. */
export interface Origin {
  readonly from: string
  readonly application: string
  readonly lane: string
  readonly idPrefix: string
  readonly node: TypedCalls
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
  readonly node: TypedCalls
  readonly #idPrefix: string
  readonly #sequence: number
  #aborted = false
  #controller: AbortController | null = null

  constructor(origin: Origin, sequence: number, key: string | null, deadlineMs: number | null) {
    this.from = origin.from
    this.application = origin.application
    this.lane = origin.lane
    this.key = key
    this.deadlineMs = deadlineMs
    this.node = origin.node
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
  /** What handlers call other nodes with. */
  readonly node: TypedCalls
  #methods: ReadonlyMap<string, MethodHandler> = new Map()
  #streams = 0
  readonly #streamsMax: number
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
    streamsMax: number
    node: TypedCalls
  }) {
    this.application = options.application
    this.counters = options.counters
    this.logger = options.logger
    this.node = options.node
    this.#streamsMax = options.streamsMax
    this.#concurrencyMax = options.concurrencyMax
    this.#requestQueue =
      options.requestQueueMax === 0 ? null : new BoundedQueue(options.requestQueueMax)
  }

  /** Handlers that have started and not finished, and requests that wait for one. */
  get busy(): number {
    return this.#messages + this.#requests + this.#streams + (this.#requestQueue?.size ?? 0)
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

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
