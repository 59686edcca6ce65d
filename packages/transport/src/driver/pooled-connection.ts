import type { NodeId } from '@nodosum/kernel'
import type { Connection, ConnectionStats, HostPort } from '../contract.ts'
import { ConnectionHealth, type PingStats } from '../core/connection-health.ts'
import { ageLimit, type Replacement, type ReplacementReason } from '../core/replacement.ts'
import type { PoolSettings } from '../options.ts'
import type { ConnectionUse } from '../ports.ts'

/**
 * `waiting`: accepted, for its turn to be handed up. `open`: handed over, not in use yet.
 * `active`: in use. `retiring`: both ends are asked whether it may close. `replacing`: another one
 * is dialed. `closing`: told to close.
 */
export type PooledState = 'waiting' | 'open' | 'active' | 'retiring' | 'replacing' | 'closing'

/** One connection of the pool as inspection shows it. */
export interface PooledConnectionSnapshot {
  /** The node at the other end; null until the layer above has said, or the certificate has. */
  readonly peer: NodeId | null
  readonly kind: Connection['kind']
  readonly role: Connection['role']
  readonly remote: HostPort
  readonly state: PooledState
  readonly ageMs: number
  /** Since something was said on it, to the precision of `sweepMs`; 0 before it is in use. */
  readonly idleMs: number
  /** Whether something is under way on it at this end. */
  readonly isBusy: boolean
  readonly pings: PingStats
  /** The transport's own figures: its RTT, loss, bytes, streams. */
  readonly stats: ConnectionStats
  /** Why it is being replaced; null when it is not. */
  readonly replacement: ReplacementReason | null
  /** Which credentials it was made with: how often they had been reloaded. */
  readonly credentials: number
}

/** What the pool knows of one connection. */
export class PooledConnection {
  readonly connection: Connection
  readonly openedMs: number
  readonly ageLimitMs: number
  readonly credentials: number
  readonly health: ConnectionHealth
  state: PooledState
  use: ConnectionUse | null = null
  replacement: Replacement | null = null
  /** The peer, which accepted it, asks for another one. */
  isAsked = false
  lastUsedMs: number
  /** Whom this node dialed; null for an accepted connection. */
  readonly dialed: NodeId | null
  #activity = -1

  constructor(options: {
    connection: Connection
    state: PooledState
    dialed: NodeId | null
    settings: PoolSettings
    nowMs: number
    /** From 0 to 1. */
    ageDraw: number
    credentials: number
  }) {
    const { connection, settings, nowMs } = options
    this.connection = connection
    this.state = options.state
    this.dialed = options.dialed
    this.openedMs = nowMs
    this.lastUsedMs = nowMs
    this.credentials = options.credentials
    this.ageLimitMs = ageLimit(connection.role, settings.connectionAgeMaxMs, options.ageDraw)
    this.health = new ConnectionHealth(settings, nowMs)
  }

  get peer(): NodeId | null {
    return this.use?.peer ?? this.dialed ?? this.connection.peer.nodeId
  }

  /** In use, and nothing under way. */
  get isIdle(): boolean {
    return this.state === 'active' && this.use?.isIdle() === true
  }

  /** Accepted and not in use. */
  get isHalfOpen(): boolean {
    return this.connection.role === 'acceptor' && this.use === null
  }

  /** Notices what was said since the last look. */
  noticeUse(nowMs: number): void {
    const activity = this.use?.activity() ?? this.#activity
    if (activity === this.#activity) return
    this.#activity = activity
    this.lastUsedMs = nowMs
  }

  snapshot(nowMs: number): PooledConnectionSnapshot {
    const { connection, use } = this
    return {
      peer: this.peer,
      kind: connection.kind,
      role: connection.role,
      remote: connection.remote,
      state: this.state,
      ageMs: nowMs - this.openedMs,
      idleMs: use === null ? 0 : nowMs - this.lastUsedMs,
      isBusy: use !== null && !use.isIdle(),
      pings: this.health.pings,
      stats: connection.stats(),
      replacement: this.replacement?.reason ?? null,
      credentials: this.credentials,
    }
  }
}
