import {
  BoundedMap,
  BoundedQueue,
  fullJitter,
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import type { Connection, ConnectOptions, HostPort } from '../contract.ts'
import { type DialerOptions, type DialerSettings, dialerOptions } from '../options.ts'

/** What a dialer is made of. */
export interface DialerParts {
  /** A transport, or whatever else connects. */
  readonly transport: {
    connect(remote: HostPort, options?: ConnectOptions): Promise<Connection>
  }
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly options?: DialerOptions
}

/** Options of one dial. */
export interface DialOptions {
  /** Takes only this caller out; the attempt ends when nobody waits for it any more. */
  readonly signal?: AbortSignal
  /** The certificate must name this node, if it names one. */
  readonly expect?: NodeId
}

interface Waiter {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: NodosumError) => void
}

interface Attempt {
  readonly peer: string
  readonly addresses: readonly HostPort[]
  readonly expect: NodeId | undefined
  readonly waiters: Set<Waiter>
  readonly abort: AbortController
}

interface Failure {
  readonly count: number
  readonly nextMs: number
  readonly error: NodosumError
}

/**
 * Dials peers on behalf of many callers: one attempt per peer, however many ask; a bounded number
 * at once; and after failures nobody dials that peer for a while, callers fail fast instead.
 */
export class Dialer {
  readonly #parts: DialerParts
  readonly #settings: DialerSettings
  readonly #attempts = new Map<string, Attempt>()
  readonly #queue: BoundedQueue<Attempt>
  readonly #failures: BoundedMap<string, Failure>
  #running = 0
  #isClosed = false

  /** @throws ERR_NODOSUM_CONFIG_INVALID for options out of range */
  constructor(parts: DialerParts) {
    this.#parts = parts
    this.#settings = dialerOptions.parse(parts.options ?? {})
    this.#queue = new BoundedQueue(this.#settings.queueMax)
    this.#failures = new BoundedMap(this.#settings.failuresMax)
  }

  /** Dials that run or wait now. */
  get pending(): number {
    return this.#attempts.size
  }

  /**
   * Resolves to a connection with the peer; all callers of one attempt get the same one.
   *
   * @param peer names the peer for sharing and backoff, usually its node id
   * @param addresses tried in order; an attempt in progress keeps those it began with
   * @throws ERR_NODOSUM_NOT_CONNECTED while the peer is in backoff (details: lastError, retryInMs)
   *   or has no address; LIMIT_CONNECTIONS when too many dials wait; CANCELLED; SHUT_DOWN; else
   *   the error of the last address
   */
  dial(
    peer: string,
    addresses: readonly HostPort[],
    options: DialOptions = {},
  ): Promise<Connection> {
    const refusal = this.#refusal(peer, addresses, options)
    if (refusal !== null) return Promise.reject(refusal)
    // Two expectations cannot share an attempt: it would verify only one of them.
    const key = `${peer}\n${options.expect ?? ''}`
    let attempt = this.#attempts.get(key)
    if (attempt === undefined) {
      attempt = {
        peer,
        addresses: addresses.slice(0, this.#settings.addressesMax),
        expect: options.expect,
        waiters: new Set(),
        abort: new AbortController(),
      }
      if (this.#running < this.#settings.attemptsMax) this.#start(key, attempt)
      else if (!this.#enqueue(attempt)) return Promise.reject(this.#tooMany(peer))
      this.#attempts.set(key, attempt)
    }
    return this.#join(key, attempt, options.signal)
  }

  /** Forgets the peer's failures: the next dial is made at once. */
  forget(peer: string): void {
    this.#failures.delete(peer)
  }

  /** Gives up every dial with SHUT_DOWN and refuses new ones. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#queue.clear()
    this.#failures.clear()
    for (const [key, attempt] of this.#attempts) {
      this.#settle(key, attempt, (waiter) => waiter.reject(shutDown()))
      attempt.abort.abort()
    }
  }

  #refusal(
    peer: string,
    addresses: readonly HostPort[],
    options: DialOptions,
  ): NodosumError | null {
    if (this.#isClosed) return shutDown()
    if (options.signal?.aborted === true) return cancelled(peer)
    if (addresses.length === 0) {
      const message = `no address of ${peer} is known: it is no member, or has announced none yet`
      return new NodosumError('ERR_NODOSUM_NOT_CONNECTED', message, { details: { peer } })
    }
    const failure = this.#failures.get(peer)
    const retryInMs = (failure?.nextMs ?? 0) - this.#parts.scheduler.nowMs()
    if (failure === undefined || retryInMs <= 0) return null
    const lastError = failure.error.code
    return new NodosumError(
      'ERR_NODOSUM_NOT_CONNECTED',
      `${peer} could not be reached ${failure.count} times (last: ${failure.error.message}); ` +
        `the next dial is possible in ${Math.ceil(retryInMs)} ms`,
      { cause: failure.error, details: { peer, lastError, retryInMs: Math.ceil(retryInMs) } },
    )
  }

  #join(key: string, attempt: Attempt, signal: AbortSignal | undefined): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const waiter: Waiter = { resolve, reject }
    attempt.waiters.add(waiter)
    if (signal === undefined) return promise
    const onAbort = (): void => {
      if (!attempt.waiters.delete(waiter)) return
      reject(cancelled(attempt.peer))
      if (attempt.waiters.size > 0) return
      this.#forgetAttempt(key, attempt)
      attempt.abort.abort()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  /** Dials that nobody waits for any more give their places up before one is refused. */
  #enqueue(attempt: Attempt): boolean {
    if (this.#queue.offer(attempt)) return true
    for (const queued of this.#queue.clear()) {
      if (queued.waiters.size > 0) this.#queue.offer(queued)
    }
    return this.#queue.offer(attempt)
  }

  #start(key: string, attempt: Attempt): void {
    this.#running += 1
    void this.#run(attempt).then(
      (connection) => this.#succeeded(key, attempt, connection),
      (error: unknown) => this.#failed(key, attempt, error),
    )
  }

  async #run(attempt: Attempt): Promise<Connection> {
    const { signal } = attempt.abort
    const options: ConnectOptions =
      attempt.expect === undefined ? { signal } : { signal, expect: attempt.expect }
    let last: unknown
    for (const address of attempt.addresses) {
      if (signal.aborted) throw cancelled(attempt.peer)
      try {
        return await this.#parts.transport.connect(address, options)
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  #succeeded(key: string, attempt: Attempt, connection: Connection): void {
    this.#ended()
    this.#failures.delete(attempt.peer)
    if (attempt.waiters.size === 0) {
      // Everybody left while it came up.
      void connection.close({ reason: 'nobody waits for this connection' })
    }
    this.#settle(key, attempt, (waiter) => waiter.resolve(connection))
  }

  #failed(key: string, attempt: Attempt, cause: unknown): void {
    this.#ended()
    const error = isNodosumError(cause)
      ? cause
      : new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `dialing ${attempt.peer} failed`, { cause })
    if (attempt.waiters.size === 0) return
    this.#remember(attempt.peer, error)
    this.#settle(key, attempt, (waiter) => waiter.reject(error))
  }

  #remember(peer: string, error: NodosumError): void {
    const { scheduler, random, logger } = this.#parts
    const { backoffBaseMs, backoffMaxMs } = this.#settings
    const before = this.#failures.get(peer)?.count ?? 0
    const waitMs = fullJitter(
      { baseMs: backoffBaseMs, maxMs: backoffMaxMs, attempt: before },
      random,
    )
    const failure = { count: before + 1, nextMs: scheduler.nowMs() + waitMs, error }
    const oldest = this.#failures.oldestKey()
    if (this.#failures.isFull && !this.#failures.has(peer) && oldest !== undefined) {
      this.#failures.delete(oldest)
    }
    this.#failures.set(peer, failure)
    logger.debug(
      { event: 'dial.failed', peer_id: peer, error_code: error.code, attempt: failure.count },
      error.message,
    )
  }

  #settle(key: string, attempt: Attempt, tell: (waiter: Waiter) => void): void {
    this.#forgetAttempt(key, attempt)
    const waiters = [...attempt.waiters]
    attempt.waiters.clear()
    for (const waiter of waiters) tell(waiter)
  }

  #forgetAttempt(key: string, attempt: Attempt): void {
    if (this.#attempts.get(key) === attempt) this.#attempts.delete(key)
  }

  /** The next one of the queue that somebody still waits for. */
  #ended(): void {
    this.#running -= 1
    for (let next = this.#queue.poll(); next !== undefined; next = this.#queue.poll()) {
      if (next.waiters.size === 0) continue
      this.#start(`${next.peer}\n${next.expect ?? ''}`, next)
      return
    }
  }

  #tooMany(peer: string): NodosumError {
    const { attemptsMax, queueMax } = this.#settings
    return new NodosumError(
      'ERR_NODOSUM_LIMIT_CONNECTIONS',
      `${peer} is not dialed: ${attemptsMax} dials run and ${queueMax} wait already ` +
        '(attemptsMax, queueMax): try again later',
      { details: { peer, attemptsMax, queueMax } },
    )
  }
}

function cancelled(peer: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `dialing ${peer} was cancelled`)
}

function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'the dialer is closed')
}
