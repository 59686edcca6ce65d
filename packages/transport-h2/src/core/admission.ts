import { BoundedMap, TokenBucket } from '@nodosum/kernel'

/** What bounds the connections that others open. */
export interface AdmissionLimits {
  readonly connectionsMax: number
  readonly connectionsPerSourceMax: number
  readonly halfOpenMax: number
  readonly halfOpenPerSourceMax: number
  readonly acceptsPerSecond: number
  readonly acceptBurst: number
}

/** The limit at which a connection was turned away. */
export type AdmissionRefusal = 'connections' | 'half-open' | 'source' | 'rate'

/** One accepted connection, as long as it is there. */
export interface Admitted {
  readonly source: string
  isHalfOpen: boolean
}

interface SourceCount {
  connections: number
  halfOpen: number
}

/**
 * Decides which connections are let in, before anything is spent on them. Half-open are those
 * whose peer has not proved who it is; one source may have only a part of these, or one stranger
 * could keep everybody else out.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #rate: TokenBucket
  readonly #sources: BoundedMap<string, SourceCount>
  #halfOpen = 0

  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits
    this.#rate = new TokenBucket({
      ratePerSecond: limits.acceptsPerSecond,
      burst: limits.acceptBurst,
      nowMs,
    })
    this.#sources = new BoundedMap(limits.connectionsMax)
  }

  /** @param connections of this node by now, dialed and accepted */
  admit(host: string, connections: number, nowMs: number): Admitted | AdmissionRefusal {
    const limits = this.#limits
    if (connections >= limits.connectionsMax) return 'connections'
    if (this.#halfOpen >= limits.halfOpenMax) return 'half-open'
    const source = sourceOf(host)
    const count = this.#sources.get(source) ?? { connections: 0, halfOpen: 0 }
    if (count.connections >= limits.connectionsPerSourceMax) return 'source'
    if (count.halfOpen >= limits.halfOpenPerSourceMax) return 'source'
    // Last, so that only what is let in uses up the rate.
    if (!this.#rate.tryTake(nowMs)) return 'rate'
    count.connections += 1
    count.halfOpen += 1
    this.#halfOpen += 1
    this.#sources.set(source, count)
    return { source, isHalfOpen: true }
  }

  /** The peer has proved who it is. */
  opened(admitted: Admitted): void {
    if (!admitted.isHalfOpen) return
    admitted.isHalfOpen = false
    this.#halfOpen -= 1
    const count = this.#sources.get(admitted.source)
    if (count !== undefined) count.halfOpen -= 1
  }

  /** The connection is gone; called once for each. */
  left(admitted: Admitted): void {
    this.opened(admitted)
    const count = this.#sources.get(admitted.source)
    if (count === undefined) return
    count.connections -= 1
    if (count.connections === 0) this.#sources.delete(admitted.source)
  }
}

/** A v4 address, or the /64 of a v6 one: whoever has one address of it has all of them. */
export function sourceOf(host: string): string {
  if (!host.includes(':')) return host
  const [head = '', tail] = host.toLowerCase().split('%', 1)[0]?.split('::') ?? []
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  return `${groups.slice(0, 4).join(':')}::/64`
}
