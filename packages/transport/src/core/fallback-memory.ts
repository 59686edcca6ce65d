import { BoundedMap, type NodeId } from '@nodosum/kernel'
import type { PoolSettings } from '../options.ts'
import type { DialRoute, TransportKind } from './dial-plan.ts'

interface Fallback {
  readonly kind: TransportKind
  readonly untilMs: number
}

/**
 * Which peers were reached over another transport than the preferred one, so that a network that
 * lets none of its packets through costs the wait for it once and not with each dial. After
 * `fallbackMemoryMs` the preferred transport goes first again. Beyond `fallbacksMax` peers the
 * oldest is forgotten.
 */
export class FallbackMemory {
  readonly #memoryMs: number
  readonly #fallbacks: BoundedMap<NodeId, Fallback>

  constructor(settings: Pick<PoolSettings, 'fallbackMemoryMs' | 'fallbacksMax'>) {
    this.#memoryMs = settings.fallbackMemoryMs
    this.#fallbacks = new BoundedMap(settings.fallbacksMax)
  }

  /** The routes to try: what reached the peer last goes first, the others join as they would. */
  order(peer: NodeId, routes: readonly DialRoute[], nowMs: number): readonly DialRoute[] {
    const fallback = this.#fallbacks.get(peer)
    if (fallback === undefined) return routes
    if (nowMs >= fallback.untilMs) {
      this.#fallbacks.delete(peer)
      return routes
    }
    const isFirst = ({ kind }: DialRoute): boolean => kind === fallback.kind
    return [...routes.filter(isFirst), ...routes.filter((route) => !isFirst(route))]
  }

  /**
   * A dial came up. What is remembered already keeps its time, so that it ends.
   *
   * @returns whether this is news: the peer was not known to need another transport
   */
  cameUp(peer: NodeId, over: TransportKind, preferred: TransportKind, nowMs: number): boolean {
    if (over === preferred) {
      this.#fallbacks.delete(peer)
      return false
    }
    if (this.#fallbacks.get(peer)?.kind === over) return false
    this.#fallbacks.delete(peer)
    const oldest = this.#fallbacks.oldestKey()
    if (this.#fallbacks.isFull && oldest !== undefined) this.#fallbacks.delete(oldest)
    this.#fallbacks.set(peer, { kind: over, untilMs: nowMs + this.#memoryMs })
    return true
  }

  forget(peer: NodeId): void {
    this.#fallbacks.delete(peer)
  }
}
