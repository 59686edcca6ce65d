import { BoundedMap, type Random, type Scheduler } from '@nodosum/kernel'
import {
  RequestBreaker,
  type RequestBreakerSettings,
  type RequestBreakerSnapshot,
} from '../adapters/request-breaker.ts'

/** Beyond so many peers, a breaker that is closed makes room, else the oldest. */
const peersMax = 4_096

/** The breakers of one application, one for each node that it has asked. */
export class PeerBreakers {
  readonly #application: string
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #breakers = new BoundedMap<string, RequestBreaker>(peersMax)
  #settings: RequestBreakerSettings

  constructor(options: {
    application: string
    settings: RequestBreakerSettings
    scheduler: Scheduler
    random: Random
  }) {
    this.#application = options.application
    this.#settings = options.settings
    this.#scheduler = options.scheduler
    this.#random = options.random
  }

  /** Other settings: what was counted under the old ones is forgotten. */
  use(settings: RequestBreakerSettings): void {
    this.#settings = settings
    this.close()
  }

  /** Milliseconds until a node may be asked; 0 when it may. */
  pauseMs(peer: string): number {
    return this.#breakers.get(peer)?.pauseMs ?? 0
  }

  run<T>(peer: string, request: () => Promise<T>): Promise<T> {
    return this.#of(peer).run(request)
  }

  /** Those that are not closed or were open once. */
  snapshot(): RequestBreakerSnapshot[] {
    return [...this.#breakers.values()]
      .map((breaker) => breaker.snapshot())
      .filter(({ state, opened }) => state !== 'closed' || opened > 0)
  }

  close(): void {
    for (const breaker of this.#breakers.values()) breaker.close()
    this.#breakers.clear()
  }

  #of(peer: string): RequestBreaker {
    const known = this.#breakers.get(peer)
    if (known !== undefined) return known
    if (this.#breakers.isFull) this.#evict()
    const breaker = new RequestBreaker({
      peer,
      application: this.#application,
      settings: this.#settings,
      random: this.#random,
      nowMs: () => this.#scheduler.nowMs(),
    })
    this.#breakers.set(peer, breaker)
    return breaker
  }

  #evict(): void {
    const victim = this.#breakers.victim(({ isPristine }) => isPristine)
    if (victim === undefined) return
    this.#breakers.get(victim)?.close()
    this.#breakers.delete(victim)
  }
}
