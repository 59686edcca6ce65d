/** The only place that touches `opossum`. */
import { EventEmitter } from 'node:events'
import { fullJitter, isNodosumError, NodosumError, type Random } from '@nodosum/kernel'
import CircuitBreaker from 'opossum'
import { isOwnDoing } from '../core/dial-errors.ts'

/** How long the pauses after failures are. */
export interface BackoffSettings {
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
}

/** One breaker as inspection shows it. */
export interface BreakerSnapshot {
  readonly peer: string
  /** `half-open`: the pause is over, and one dial may show whether the peer is back. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** Dials that failed since the last one whose connection was taken into use. */
  readonly failures: number
  /** Milliseconds until the next dial is possible; 0 when it is. */
  readonly retryInMs: number
  /** Code of the last failure; null when there was none. */
  readonly lastError: string | null
}

type Action = () => Promise<unknown>

/**
 * Keeps a peer that cannot be reached from being dialed all the time: a failure opens the breaker
 * for a pause that doubles, drawn with full jitter; then one dial is let through.
 *
 * opossum holds the state. Its own pause runs on the process's clock and has one length, so this
 * class ends the pause on the clock it is given, by a breaker that starts half open.
 */
export class PeerBreaker {
  readonly #peer: string
  readonly #settings: BackoffSettings
  readonly #random: Random
  readonly #rotation = new EventEmitter()
  #breaker: CircuitBreaker<[Action]>
  #failures = 0
  #nextMs = 0
  #lastError: NodosumError | null = null

  constructor(peer: string, settings: BackoffSettings, random: Random) {
    this.#peer = peer
    this.#settings = settings
    this.#random = random
    this.#breaker = this.#build('closed')
  }

  /** Whether nothing is remembered that would be lost with this breaker. */
  get isPristine(): boolean {
    return this.#failures === 0 && this.#breaker.closed
  }

  /** Null when a dial is possible now, else why it is not. */
  refusal(nowMs: number): NodosumError | null {
    if (!this.#breaker.opened) return null
    const retryInMs = Math.ceil(this.#nextMs - nowMs)
    if (retryInMs <= 0) {
      this.#replace('half-open')
      return null
    }
    const last = this.#lastError
    return new NodosumError(
      'ERR_NODOSUM_NOT_CONNECTED',
      `${this.#peer} could not be reached ${this.#failures} times ` +
        `(last: ${last === null ? 'unknown' : `${last.code}: ${last.message}`}); the next dial is possible in ${retryInMs} ms`,
      {
        cause: last ?? undefined,
        details: { peer: this.#peer, lastError: last?.code ?? null, retryInMs },
      },
    )
  }

  /** Runs one dial; its failure opens the breaker, unless somebody gave it up at this end. */
  async run<T>(nowMs: () => number, dial: () => Promise<T>): Promise<T> {
    const wasHalfOpen = this.#breaker.halfOpen
    try {
      return (await this.#breaker.fire(dial)) as T
    } catch (error) {
      if (!isOwnDoing(error)) this.#remember(error, nowMs())
      // opossum takes a filtered error for a success.
      else if (wasHalfOpen) this.#replace('half-open')
      throw error
    } finally {
      // Its statistics keep a number for each run of the current window.
      this.#rotation.emit('rotate')
    }
  }

  /** A connection that came up was useless, for example because the peer turned it away. */
  async failed(error: NodosumError, nowMs: number): Promise<void> {
    await this.run(
      () => nowMs,
      () => Promise.reject(error),
    ).catch(() => undefined)
  }

  /** A connection was taken into use: what failed before counts no longer. */
  succeeded(): void {
    this.#failures = 0
    this.#lastError = null
    this.#breaker.close()
  }

  snapshot(nowMs: number): BreakerSnapshot {
    const { opened, halfOpen } = this.#breaker
    const isOver = opened && this.#nextMs <= nowMs
    return {
      peer: this.#peer,
      state: halfOpen || isOver ? 'half-open' : opened ? 'open' : 'closed',
      failures: this.#failures,
      retryInMs: opened ? Math.max(0, Math.ceil(this.#nextMs - nowMs)) : 0,
      lastError: this.#lastError?.code ?? null,
    }
  }

  /** Stops the breaker's timer. */
  close(): void {
    this.#breaker.shutdown()
  }

  #remember(error: unknown, nowMs: number): void {
    const { backoffBaseMs, backoffMaxMs } = this.#settings
    const backoff = { baseMs: backoffBaseMs, maxMs: backoffMaxMs, attempt: this.#failures }
    this.#nextMs = nowMs + fullJitter(backoff, this.#random)
    this.#failures += 1
    this.#lastError = isNodosumError(error)
      ? error
      : new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `dialing ${this.#peer} failed`, {
          cause: error,
        })
  }

  #replace(state: 'half-open'): void {
    this.#breaker.shutdown()
    this.#breaker = this.#build(state)
  }

  #build(state: 'closed' | 'half-open'): CircuitBreaker<[Action]> {
    const options = {
      name: this.#peer,
      timeout: false as const,
      // Any failure opens it.
      errorThresholdPercentage: 0,
      errorFilter: isOwnDoing,
      // Longer than any pause; the shutdown above ends it.
      resetTimeout: 2 ** 31 - 1,
      rollingCountBuckets: 1,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#rotation,
      ...(state === 'half-open' && {
        state: { enabled: true, closed: false, halfOpen: true, warmUp: false, shutdown: false },
      }),
    }
    return new CircuitBreaker<[Action]>((dial) => dial(), options as CircuitBreaker.Options)
  }
}
