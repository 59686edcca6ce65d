import {
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
  type Scheduler,
  TokenBucket,
} from '@nodosum/kernel'
import { DialQueue, type QueuedTask } from '../adapters/dial-queue.ts'
import type { Connection } from '../contract.ts'
import type { DialRoute } from '../core/dial-plan.ts'
import type { PoolSettings } from '../options.ts'
import { abortableSleep } from './abortable-sleep.ts'
import type { PeerBreakers } from './peer-breakers.ts'
import { cancelled, dialsFull, shutDown } from './pool-errors.ts'

/** What shared dials are made of. */
export interface SharedDialsParts {
  readonly settings: PoolSettings
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly breakers: PeerBreakers
  /** Takes room for one more connection until it is released, or rejects with LIMIT_CONNECTIONS. */
  readonly reserve: (peer: NodeId, signal: AbortSignal) => Promise<() => void>
  /** Dials the peer; rejects only when nothing of the dial is under way any more. */
  readonly connect: (
    peer: NodeId,
    routes: readonly DialRoute[],
    signal: AbortSignal,
  ) => Promise<Connection>
  /** A connection came up; called before anybody who waits for it hears of it. */
  readonly connected: (peer: NodeId, connection: Connection) => void
}

/** For whom a dial is made: callers come first, a replacement takes what nobody else wants. */
export type DialPurpose = 'caller' | 'replacement'

interface Waiter {
  readonly purpose: DialPurpose
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: NodosumError) => void
}

interface Attempt {
  readonly peer: NodeId
  readonly routes: readonly DialRoute[]
  readonly waiters: Set<Waiter>
  readonly abort: AbortController
  readonly askedMs: number
  /** Resolves when nothing of it is under way. */
  readonly ended: PromiseWithResolvers<void>
  /** The attempt before it, which was given up and has not ended yet. */
  readonly previous: Promise<void> | undefined
  state: 'waiting' | 'dialing'
  task: QueuedTask | null
}

/** One dial as inspection shows it. */
export interface DialSnapshot {
  readonly peer: NodeId
  readonly state: 'waiting' | 'dialing'
  /** Callers who wait for it. */
  readonly waiters: number
  readonly ageMs: number
}

/**
 * Dials on behalf of many callers: one attempt for each peer however many ask, a bounded number at
 * once and per second, a bounded number that waits; after failures callers fail fast.
 */
export class SharedDials {
  readonly #parts: SharedDialsParts
  readonly #attempts = new Map<NodeId, Attempt>()
  /** Attempts that were given up and have not ended. */
  readonly #ending = new Map<NodeId, Promise<void>>()
  readonly #queue: DialQueue
  readonly #rate: TokenBucket
  #isClosed = false

  constructor(parts: SharedDialsParts) {
    this.#parts = parts
    const { dialsMax, dialQueueMax, dialsPerSecond, dialBurst } = parts.settings
    this.#queue = new DialQueue({ runningMax: dialsMax, waitingMax: dialQueueMax })
    this.#rate = new TokenBucket({
      ratePerSecond: dialsPerSecond,
      burst: dialBurst,
      nowMs: parts.scheduler.nowMs(),
    })
  }

  /** Dials that wait or run. */
  get pending(): number {
    return this.#attempts.size
  }

  /** Dials that wait for their turn. */
  get waiting(): number {
    return this.#queue.waiting
  }

  /** Joins the attempt for the peer, or starts one over these routes. */
  dial(
    peer: NodeId,
    routes: readonly DialRoute[],
    options: { signal: AbortSignal | undefined; purpose: DialPurpose },
  ): Promise<Connection> {
    const refusal = this.#refusal(peer, options.signal)
    if (refusal !== null) return Promise.reject(refusal)
    const attempt = this.#attempts.get(peer) ?? this.#start(peer, routes)
    if (attempt === null) {
      const { dialsMax, dialQueueMax } = this.#parts.settings
      return Promise.reject(dialsFull(peer, dialsMax, dialQueueMax))
    }
    return this.#join(attempt, options.purpose, options.signal)
  }

  snapshot(): DialSnapshot[] {
    const nowMs = this.#parts.scheduler.nowMs()
    return [...this.#attempts.values()].map(({ peer, state, waiters, askedMs }) => ({
      peer,
      state,
      waiters: waiters.size,
      ageMs: nowMs - askedMs,
    }))
  }

  /** Gives up every dial with SHUT_DOWN and refuses new ones; resolves when all have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#attempts.values()]
    for (const attempt of all) this.#giveUp(attempt, shutDown())
    await Promise.all([...this.#ending.values()])
  }

  #refusal(peer: NodeId, signal: AbortSignal | undefined): NodosumError | null {
    if (this.#isClosed) return shutDown()
    if (signal?.aborted === true) return cancelled(peer)
    return this.#attempts.has(peer) ? null : this.#parts.breakers.refusal(peer)
  }

  #start(peer: NodeId, routes: readonly DialRoute[]): Attempt | null {
    const attempt: Attempt = {
      peer,
      routes,
      waiters: new Set(),
      abort: new AbortController(),
      askedMs: this.#parts.scheduler.nowMs(),
      ended: Promise.withResolvers<void>(),
      previous: this.#ending.get(peer),
      state: 'waiting',
      task: null,
    }
    // Registered first: the queue may start the task at once.
    this.#attempts.set(peer, attempt)
    attempt.task = this.#queue.offer(() => this.#run(attempt))
    if (attempt.task !== null) return attempt
    this.#attempts.delete(peer)
    return null
  }

  #join(
    attempt: Attempt,
    purpose: DialPurpose,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const waiter: Waiter = { purpose, resolve, reject }
    attempt.waiters.add(waiter)
    if (signal === undefined) return promise
    const onAbort = (): void => {
      if (!attempt.waiters.delete(waiter)) return
      reject(cancelled(attempt.peer))
      if (attempt.waiters.size === 0) this.#giveUp(attempt, cancelled(attempt.peer))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  /** Never rejects: whoever waits is told. */
  async #run(attempt: Attempt): Promise<void> {
    const { peer, abort } = attempt
    try {
      await this.#turn(attempt)
      if (abort.signal.aborted) throw cancelled(peer)
      const release = await this.#parts.reserve(peer, abort.signal)
      let connection: Connection
      try {
        connection = await this.#dialed(attempt)
      } finally {
        release()
      }
      this.#succeeded(attempt, connection)
    } catch (cause) {
      this.#failed(attempt, cause)
    } finally {
      attempt.ended.resolve()
    }
  }

  /** Waits for a token of the rate, and for the end of an attempt that was given up. */
  async #turn(attempt: Attempt): Promise<void> {
    const { scheduler } = this.#parts
    const { signal } = attempt.abort
    while (!this.#rate.tryTake(scheduler.nowMs())) {
      const waitMs = this.#rate.msUntil(scheduler.nowMs())
      await abortableSleep(scheduler, waitMs, signal)
      if (signal.aborted) throw cancelled(attempt.peer)
    }
    await attempt.previous
  }

  async #dialed(attempt: Attempt): Promise<Connection> {
    const { peer, routes, abort } = attempt
    if (abort.signal.aborted) throw cancelled(peer)
    attempt.state = 'dialing'
    const { breakers, connect } = this.#parts
    return await breakers.run(peer, () => connect(peer, routes, abort.signal))
  }

  #succeeded(attempt: Attempt, connection: Connection): void {
    const { peer, waiters } = attempt
    if (waiters.size === 0) {
      // Everybody left while it came up.
      void connection.close({ reason: 'nobody waits for this connection' })
      return
    }
    this.#parts.connected(peer, connection)
    const hasCaller = [...waiters].some(({ purpose }) => purpose === 'caller')
    this.#settle(attempt, (waiter) => {
      if (!hasCaller || waiter.purpose === 'caller') waiter.resolve(connection)
      else waiter.reject(cancelled(peer))
    })
  }

  #failed(attempt: Attempt, cause: unknown): void {
    const { peer } = attempt
    const error = isNodosumError(cause)
      ? cause
      : new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `dialing ${peer} failed`, { cause })
    if (attempt.waiters.size > 0) {
      const fields = { event: 'dial.failed', peer_id: peer, error_code: error.code }
      this.#parts.logger.debug(fields, error.message)
    }
    this.#settle(attempt, (waiter) => waiter.reject(error))
  }

  /** Nobody waits any more, or nobody may. */
  #giveUp(attempt: Attempt, error: NodosumError): void {
    this.#settle(attempt, (waiter) => waiter.reject(error))
    attempt.task?.cancel()
    attempt.abort.abort()
    if (attempt.state === 'waiting' && attempt.task?.hasStarted !== true) {
      attempt.ended.resolve()
      return
    }
    const { peer } = attempt
    const ended = attempt.ended.promise
    this.#ending.set(peer, ended)
    void ended.then(() => {
      if (this.#ending.get(peer) === ended) this.#ending.delete(peer)
    })
  }

  #settle(attempt: Attempt, tell: (waiter: Waiter) => void): void {
    if (this.#attempts.get(attempt.peer) === attempt) this.#attempts.delete(attempt.peer)
    const waiters = [...attempt.waiters]
    attempt.waiters.clear()
    for (const waiter of waiters) tell(waiter)
  }
}
