/** The only place that touches `opossum`. */
import { EventEmitter } from 'node:events'
import { isNodosumError, NodosumError, type Random } from '@nodosum/kernel'
import CircuitBreaker from 'opossum'

/** When a breaker opens and how long it stays open. */
export interface RequestBreakerSettings {
  readonly breakerErrorShare: number
  readonly breakerRequestsMin: number
  readonly breakerPauseMs: number
}

/** One breaker as inspection shows it. */
export interface RequestBreakerSnapshot {
  readonly peer: string
  /** `half-open`: the pause is over, and one request may show whether the node answers again. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** How often it has opened. */
  readonly opened: number
  /** Milliseconds until the node is asked again; 0 when it may be asked. */
  readonly retryAfterMs: number
  /** Code of the failure with which it opened; null when it is closed. */
  readonly lastError: string | null
}

/** What it says of a node's health how a request ended. */
type Sign = 'answered' | 'unanswered' | 'nothing'

const unanswered: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_OVERLOAD',
  'ERR_NODOSUM_MEMORY_PRESSURE',
  'ERR_NODOSUM_REQUEST_TIMEOUT',
  'ERR_NODOSUM_DELIVERY_UNKNOWN',
])

/** A refusal by the node itself is an answer, and so is whatever its handler threw. */
const answered: ReadonlySet<string> = new Set([
  'ERR_NODOSUM_REMOTE_ERROR',
  'ERR_NODOSUM_NO_HANDLER',
  'ERR_NODOSUM_NOT_OWNER',
  'ERR_NODOSUM_PEER_DRAINING',
])

function signOf(error: unknown): Sign {
  const code = isNodosumError(error) ? error.code : ''
  return unanswered.has(code) ? 'unanswered' : answered.has(code) ? 'answered' : 'nothing'
}

type Action = () => Promise<unknown>

/** The window moves on after so many milliseconds or requests, and holds so many such parts. */
const partMs = 1_000
const partRequests = 100
const parts = 10

/**
 * Keeps requests from a node that leaves them unanswered: opens at an error rate, and lets one
 * request through after a pause.
 *
 * opossum holds the state and the rates. Its clock is the process's, and it keeps a number for each
 * request of its window; so this class moves the window and ends the pause on the clock it is given.
 */
export class RequestBreaker {
  readonly #peer: string
  readonly #application: string
  readonly #settings: RequestBreakerSettings
  readonly #random: Random
  readonly #nowMs: () => number
  readonly #rotation = new EventEmitter()
  #breaker: CircuitBreaker<[Action]>
  #partEndsMs: number
  #partRequests = 0
  #opened = 0
  #nextMs = 0
  #isProbing = false
  #lastError: NodosumError | null = null

  constructor(options: {
    peer: string
    application: string
    settings: RequestBreakerSettings
    random: Random
    nowMs: () => number
  }) {
    this.#peer = options.peer
    this.#application = options.application
    this.#settings = options.settings
    this.#random = options.random
    this.#nowMs = options.nowMs
    this.#partEndsMs = options.nowMs() + partMs
    this.#breaker = this.#build('closed')
  }

  /** Milliseconds until the node may be asked; 0 when it may be asked now. */
  get pauseMs(): number {
    if (this.#breaker.closed) return 0
    if (this.#breaker.opened) return Math.max(0, Math.ceil(this.#nextMs - this.#nowMs()))
    // One request finds out how the node is; the others wait for what it finds.
    return this.#isProbing ? 1 : 0
  }

  /** Whether nothing of use would be lost with this breaker. */
  get isPristine(): boolean {
    return this.#breaker.closed
  }

  /** Runs one request, or rejects with CIRCUIT_OPEN. */
  async run<T>(request: () => Promise<T>): Promise<T> {
    const { pauseMs } = this
    if (pauseMs > 0) throw this.#refusal(pauseMs)
    if (this.#breaker.opened) this.#replace('half-open')
    this.#moveOn(this.#nowMs())
    const breaker = this.#breaker
    if (breaker.closed) return (await breaker.fire(request)) as T
    this.#isProbing = true
    try {
      return (await breaker.fire(request)) as T
    } catch (error) {
      // opossum takes what its filter passes for a success.
      if (signOf(error) === 'nothing') this.#replace('half-open')
      throw error
    } finally {
      this.#isProbing = false
    }
  }

  snapshot(): RequestBreakerSnapshot {
    const { closed, opened } = this.#breaker
    const retryAfterMs = this.pauseMs
    const isOpen = opened && retryAfterMs > 0
    return {
      peer: this.#peer,
      state: closed ? 'closed' : isOpen ? 'open' : 'half-open',
      opened: this.#opened,
      retryAfterMs,
      lastError: closed ? null : (this.#lastError?.code ?? null),
    }
  }

  close(): void {
    this.#breaker.shutdown()
  }

  #refusal(retryAfterMs: number): NodosumError {
    const last = this.#lastError
    const message =
      `${this.#peer} left too many requests of ${this.#application} unanswered ` +
      `(last: ${last?.code ?? 'unknown'}); it is asked again in ${retryAfterMs} ms`
    const details = { node: this.#peer, retryAfterMs, lastError: last?.code ?? null }
    return new NodosumError('ERR_NODOSUM_CIRCUIT_OPEN', message, {
      cause: last ?? undefined,
      details,
    })
  }

  /** Moves the window by as many parts as have passed. */
  #moveOn(nowMs: number): void {
    this.#partRequests += 1
    if (this.#partRequests < partRequests && nowMs < this.#partEndsMs) return
    const passed = Math.floor((nowMs - this.#partEndsMs) / partMs) + 1
    for (let step = Math.min(parts, Math.max(1, passed)); step > 0; step--) {
      this.#rotation.emit('rotate')
    }
    this.#partRequests = 1
    this.#partEndsMs = nowMs + partMs
  }

  #replace(state: 'half-open'): void {
    this.#breaker.shutdown()
    this.#breaker = this.#build(state)
  }

  #build(state: 'closed' | 'half-open'): CircuitBreaker<[Action]> {
    const options = {
      name: this.#peer,
      timeout: false as const,
      errorThresholdPercentage: this.#settings.breakerErrorShare * 100,
      volumeThreshold: this.#settings.breakerRequestsMin,
      errorFilter: (error: unknown) => signOf(error) !== 'unanswered',
      // Longer than any pause; a replacement ends it.
      resetTimeout: 2 ** 31 - 1,
      rollingCountBuckets: parts,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#rotation,
      ...(state === 'half-open' && {
        state: { enabled: true, closed: false, halfOpen: true, warmUp: false, shutdown: false },
      }),
    }
    const breaker = new CircuitBreaker<[Action]>(
      (request) => request(),
      options as CircuitBreaker.Options,
    )
    breaker.on('failure', (error) => {
      this.#lastError = error as unknown as NodosumError
    })
    breaker.on('open', () => {
      this.#opened += 1
      const { breakerPauseMs } = this.#settings
      this.#nextMs = this.#nowMs() + breakerPauseMs * (0.5 + this.#random.float() / 2)
    })
    return breaker
  }
}
