import { TokenBucket } from '@nodosum/kernel'
import type { PoolSettings } from '../options.ts'

/** What is there when one more connection arrives. */
export interface Occupancy {
  /** Connections and dials under way, over all transports. */
  readonly total: number
  /** Accepted connections from the same address. */
  readonly fromSource: number
  /** Accepted connections that nobody has taken into use. */
  readonly halfOpen: number
  /** Accepted connections that wait for their turn. */
  readonly queued: number
}

/** Which limit an accepted connection ran into. */
export type RefusedBy =
  | 'connectionsMax'
  | 'connectionsPerSourceMax'
  | 'halfOpenMax'
  | 'acceptQueueMax'

/** What happens to an accepted connection. */
export type Verdict =
  | { readonly kind: 'take' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'refuse'; readonly by: RefusedBy }

type Limits = Pick<
  PoolSettings,
  | 'connectionsMax'
  | 'connectionsPerSourceMax'
  | 'halfOpenMax'
  | 'acceptQueueMax'
  | 'acceptsPerSecond'
  | 'acceptBurst'
>

/** Decides about accepted connections: caps first, then the rate, first come, first served. */
export class Admission {
  readonly #limits: Limits
  readonly #rate: TokenBucket

  constructor(limits: Limits, nowMs: number) {
    this.#limits = limits
    this.#rate = new TokenBucket({
      ratePerSecond: limits.acceptsPerSecond,
      burst: limits.acceptBurst,
      nowMs,
    })
  }

  decide(nowMs: number, now: Occupancy): Verdict {
    const { connectionsMax, connectionsPerSourceMax, halfOpenMax, acceptQueueMax } = this.#limits
    if (now.fromSource >= connectionsPerSourceMax) return refusedBy('connectionsPerSourceMax')
    if (now.halfOpen >= halfOpenMax) return refusedBy('halfOpenMax')
    if (now.total >= connectionsMax) return refusedBy('connectionsMax')
    // Nobody overtakes those who wait.
    if (now.queued === 0 && this.#rate.tryTake(nowMs)) return { kind: 'take' }
    return now.queued < acceptQueueMax ? { kind: 'wait' } : refusedBy('acceptQueueMax')
  }

  /** Whether the first one that waits may be handed up now. */
  mayTakeNext(nowMs: number): boolean {
    return this.#rate.tryTake(nowMs)
  }

  /** Milliseconds until the next one may be handed up. */
  msUntilNext(nowMs: number): number {
    return this.#rate.msUntil(nowMs)
  }
}

function refusedBy(by: RefusedBy): Verdict {
  return { kind: 'refuse', by }
}
