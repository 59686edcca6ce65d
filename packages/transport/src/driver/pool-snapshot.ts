import type { BreakerSnapshot } from '../adapters/circuit-breaker.ts'
import type { TransportSnapshot } from '../contract.ts'
import type { PooledConnectionSnapshot } from './pooled-connection.ts'
import type { DialSnapshot } from './shared-dials.ts'

/** What has happened in a pool since it was made; each only grows. */
export interface PoolCounters {
  dialed: number
  dialFailed: number
  /** Dials that came up over another transport than the preferred one. */
  fellBack: number
  accepted: number
  refusedConnectionLimit: number
  refusedSourceLimit: number
  refusedHalfOpenLimit: number
  refusedRate: number
  closedIdle: number
  /** Idle connections that closed because room was needed. */
  closedForRoom: number
  stalled: number
  replaced: number
  replacementsPostponed: number
  /** Times that this node asked the end that dialed to replace a connection. */
  replacementsAsked: number
  credentialsReloaded: number
}

/** Everything that a pool knows, at one moment. */
export interface PoolSnapshot {
  /** The transports it dials with, the preferred one first. */
  readonly transports: readonly TransportSnapshot[]
  readonly connections: readonly PooledConnectionSnapshot[]
  readonly dials: readonly DialSnapshot[]
  /** Dials that wait for their turn. */
  readonly dialsWaiting: number
  /** Accepted connections that wait for their turn. */
  readonly acceptsWaiting: number
  /** Peers whose dials failed, with their pauses. */
  readonly breakers: readonly BreakerSnapshot[]
  readonly counters: Readonly<PoolCounters>
}

export function newPoolCounters(): PoolCounters {
  return {
    dialed: 0,
    dialFailed: 0,
    fellBack: 0,
    accepted: 0,
    refusedConnectionLimit: 0,
    refusedSourceLimit: 0,
    refusedHalfOpenLimit: 0,
    refusedRate: 0,
    closedIdle: 0,
    closedForRoom: 0,
    stalled: 0,
    replaced: 0,
    replacementsPostponed: 0,
    replacementsAsked: 0,
    credentialsReloaded: 0,
  }
}
