import { BoundedMap, type NodosumError, type Random, type Scheduler } from '@nodosum/kernel'
import {
  type BackoffSettings,
  type BreakerSnapshot,
  PeerBreaker,
} from '../adapters/circuit-breaker.ts'

/** The circuit breakers of all peers; beyond the bound the oldest is forgotten. */
export class PeerBreakers {
  readonly #settings: BackoffSettings
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #breakers: BoundedMap<string, PeerBreaker>

  constructor(options: {
    settings: BackoffSettings & { readonly breakersMax: number }
    scheduler: Scheduler
    random: Random
  }) {
    this.#settings = options.settings
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#breakers = new BoundedMap(options.settings.breakersMax)
  }

  /** Why the peer must not be dialed now; null when it may. */
  refusal(peer: string): NodosumError | null {
    return this.#breakers.get(peer)?.refusal(this.#scheduler.nowMs()) ?? null
  }

  run<T>(peer: string, dial: () => Promise<T>): Promise<T> {
    return this.#of(peer).run(() => this.#scheduler.nowMs(), dial)
  }

  /** A connection that came up was of no use. */
  failed(peer: string, error: NodosumError): void {
    void this.#of(peer).failed(error, this.#scheduler.nowMs())
  }

  /** A connection with the peer was taken into use. */
  succeeded(peer: string): void {
    this.#breakers.get(peer)?.succeeded()
  }

  forget(peer: string): void {
    this.#breakers.get(peer)?.close()
    this.#breakers.delete(peer)
  }

  /** Those that remember something. */
  snapshot(): BreakerSnapshot[] {
    const nowMs = this.#scheduler.nowMs()
    return [...this.#breakers.values()]
      .filter((breaker) => !breaker.isPristine)
      .map((breaker) => breaker.snapshot(nowMs))
  }

  close(): void {
    for (const breaker of this.#breakers.values()) breaker.close()
    this.#breakers.clear()
  }

  #of(peer: string): PeerBreaker {
    const known = this.#breakers.get(peer)
    if (known !== undefined) return known
    if (this.#breakers.isFull) this.#evict()
    const breaker = new PeerBreaker(peer, this.#settings, this.#random)
    this.#breakers.set(peer, breaker)
    return breaker
  }

  /** One that remembers nothing, else the oldest. */
  #evict(): void {
    const victim = this.#breakers.victim(({ isPristine }) => isPristine)
    if (victim !== undefined) this.forget(victim)
  }
}
