import type { Logger, NodeId, NodosumError, Random, Scheduler } from '@nodosum/kernel'
import type {
  CloseReason,
  Connection,
  Listener,
  Transport,
  TransportCredentials,
} from '../contract.ts'
import type { RefusedBy } from '../core/admission.ts'
import type { DialRoute, PeerAddress } from '../core/dial-plan.ts'
import { leastRecentlyUsed } from '../core/least-recently-used.ts'
import { refusalCodes } from '../core/refusal-codes.ts'
import { sourceOf } from '../core/source-address.ts'
import { type PoolOptions, type PoolSettings, parsePoolOptions } from '../options.ts'
import type { ConnectionUse } from '../ports.ts'
import { AcceptGate } from './accept-gate.ts'
import { Caretaker } from './caretaker.ts'
import { FailureProbes } from './failure-probes.ts'
import { PeerBreakers } from './peer-breakers.ts'
import { PeerDialer } from './peer-dialer.ts'
import { cancelled, poolFull, refusalText, shutDown } from './pool-errors.ts'
import { newPoolCounters, type PoolSnapshot } from './pool-snapshot.ts'
import { PooledConnection, type PooledState } from './pooled-connection.ts'
import { Replacer } from './replacer.ts'
import { type DialPurpose, SharedDials } from './shared-dials.ts'

/** What a pool is made of. */
export interface PoolParts {
  /** The preferred one first; at least one. They stay the caller's to close, after the pool. */
  readonly transports: readonly Transport[]
  /** Which of them it dials over; all unless told. It listens on all. */
  readonly dialsOver?: readonly Transport['kind'][] | undefined
  /** Where a peer can be reached now; empty when nobody knows. */
  readonly addressesOf: (peer: NodeId) => readonly PeerAddress[]
  /** Whether certificates name nodes, so that a dialed one must name the peer. */
  readonly expectIdentity: boolean
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly options?: PoolOptions
}

/** An idle connection that a peer wants to keep is passed over this often for one dial. */
const roomTriesMax = 8

/**
 * All connections of one node, over all its transports: dialed once for however many ask, accepted
 * at a bounded rate, counted, watched, closed when they idle, replaced when they are old.
 *
 * The layer above decides which of two connections to one peer stays; it takes that one into use
 * and closes the other. The pool never overrules it.
 */
export class ConnectionPool {
  readonly #parts: PoolParts
  readonly #settings: PoolSettings
  readonly #connections = new Map<object, PooledConnection>()
  readonly #breakers: PeerBreakers
  readonly #dialer: PeerDialer
  readonly #dials: SharedDials
  readonly #gate: AcceptGate
  readonly #caretaker: Caretaker
  readonly #probes: FailureProbes
  readonly #replacer: Replacer
  readonly #counters = newPoolCounters()
  #listeners: Listener[] = []
  #onConnection: ((connection: Connection) => void) | null = null
  /** Room taken by dials whose connection is not there yet. */
  #reserved = 0
  #credentials = 0
  /** How often credentials had been reloaded when the dial of a connection began. */
  readonly #dialedWith = new WeakMap<Connection, number>()
  #closing: Promise<void> | null = null

  /** @throws ERR_NODOSUM_CONFIG_INVALID for options out of range */
  constructor(parts: PoolParts) {
    this.#parts = parts
    this.#settings = parsePoolOptions(parts.options)
    const { scheduler, random, logger } = parts
    const settings = this.#settings
    this.#breakers = new PeerBreakers({ settings, scheduler, random })
    const { transports, dialsOver, addressesOf, expectIdentity } = parts
    this.#dialer = new PeerDialer({
      settings,
      transports,
      kinds: dialsOver ?? transports.map(({ kind }) => kind),
      addressesOf,
      expectIdentity,
      scheduler,
      logger,
      counters: this.#counters,
    })
    this.#dials = new SharedDials({
      settings,
      scheduler,
      logger,
      breakers: this.#breakers,
      reserve: (peer, signal) => this.#reserve(peer, signal),
      connect: (peer, routes, signal) => this.#connect(peer, routes, signal),
      connected: (peer, connection) => this.#add(connection, 'open', peer),
    })
    this.#replacer = new Replacer({
      settings,
      scheduler,
      random,
      logger,
      counters: this.#counters,
      dial: (peer, signal) => this.#dial(peer, signal, 'replacement'),
    })
    this.#gate = new AcceptGate({
      settings,
      scheduler,
      occupancy: (source) => this.#occupancy(source),
      take: (pooled) => this.#handUp(pooled),
    })
    const abandon = (pooled: PooledConnection, error: NodosumError): void =>
      this.#abandon(pooled, error)
    this.#probes = new FailureProbes({ settings, scheduler, logger, abandon })
    this.#caretaker = new Caretaker({
      settings,
      scheduler,
      logger,
      counters: this.#counters,
      connections: () => this.#connections.values(),
      credentials: () => this.#credentials,
      abandon,
      retire: (pooled) => void this.#retire(pooled, 'closedIdle'),
      replace: (pooled) => void this.#replacer.replace(pooled),
    })
  }

  /** Connections that there are, and dials that may still become one. At most `connectionsMax`. */
  get size(): number {
    return this.#connections.size + this.#reserved
  }

  /**
   * Accepts connections on every transport and hands them up one by one.
   *
   * @throws ERR_NODOSUM_LISTEN_FAILED when one of them cannot listen; then none does
   */
  async listen(onConnection: (connection: Connection) => void): Promise<void> {
    this.#onConnection = onConnection
    try {
      for (const transport of this.#parts.transports) {
        this.#listeners.push(await transport.listen((connection) => this.#accept(connection)))
      }
    } catch (error) {
      await this.#stopListening()
      throw error
    }
  }

  /**
   * Resolves to a new connection with the peer; all who ask while it is dialed get the same one.
   *
   * @throws ERR_NODOSUM_NOT_CONNECTED while the peer's breaker is open (details: lastError,
   *   retryInMs) or no address of it is known; LIMIT_CONNECTIONS when too many dials wait or every
   *   connection is in use; CANCELLED; SHUT_DOWN; else what the transport rejects with
   */
  dial(peer: NodeId, options: { readonly signal?: AbortSignal } = {}): Promise<Connection> {
    return this.#dial(peer, options.signal, 'caller')
  }

  /**
   * The layer above takes a connection into use, once it knows who is at the other end. From then
   * on the pool watches it. A connection that the pool does not know is ignored.
   *
   * @param connection one that `dial` or `listen` gave
   */
  takeIntoUse(connection: object, use: ConnectionUse): void {
    const pooled = this.#connections.get(connection)
    if (pooled === undefined) return
    pooled.use = use
    pooled.state = 'active'
    pooled.noticeUse(this.#parts.scheduler.nowMs())
    this.#breakers.succeeded(use.peer)
  }

  /**
   * The peer, which accepted this connection, has a reason to replace it: its certificate, its
   * packets. Only the end that dialed does, so that two ends never do it at once.
   *
   * @param connection one that `dial` gave; others are ignored
   */
  replacementAsked(connection: object): void {
    const pooled = this.#connections.get(connection)
    if (pooled?.connection.role === 'dialer') pooled.isAsked = true
  }

  /**
   * Somebody says that the peer has failed. Its connections are pinged at once, and abandoned when
   * nothing comes back within `probeTimeoutMs`.
   */
  probe(peer: NodeId): void {
    for (const pooled of this.#connections.values()) {
      const { state } = pooled
      if (pooled.peer === peer && state !== 'waiting' && state !== 'closing') {
        this.#probes.start(pooled)
      }
    }
  }

  /** Forgets the peer's failures: the next dial is made at once, the preferred transport first. */
  forget(peer: NodeId): void {
    this.#breakers.forget(peer)
    this.#dialer.forget(peer)
  }

  /**
   * New connections present these credentials; those that there are get replaced within
   * `replaceWithinMs`.
   *
   * @throws ERR_NODOSUM_CONFIG_INVALID when a transport cannot use them; then all keep the old ones
   */
  reloadCredentials(credentials: TransportCredentials): void {
    const commits = this.#parts.transports.map((transport) =>
      transport.prepareCredentials?.(credentials),
    )
    for (const commit of commits) commit?.()
    this.#credentials += 1
    this.#counters.credentialsReloaded += 1
  }

  snapshot(): PoolSnapshot {
    const nowMs = this.#parts.scheduler.nowMs()
    return {
      transports: this.#parts.transports.map((transport) => transport.snapshot()),
      connections: [...this.#connections.values()].map((pooled) => pooled.snapshot(nowMs)),
      dials: this.#dials.snapshot(),
      dialsWaiting: this.#dials.waiting,
      acceptsWaiting: this.#gate.waiting,
      breakers: this.#breakers.snapshot(),
      counters: { ...this.#counters },
    }
  }

  /** Stops listening and dialing, and closes every connection in order. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#caretaker.stop()
    this.#gate.close()
    await Promise.all([this.#stopListening(), this.#dials.close()])
    const all = [...this.#connections.values()]
    await Promise.all(all.map(({ connection }) => connection.close({ reason: 'shutting down' })))
    this.#caretaker.stop()
    this.#probes.stop()
    this.#breakers.close()
  }

  async #stopListening(): Promise<void> {
    const listeners = this.#listeners
    this.#listeners = []
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  #dial(peer: NodeId, signal: AbortSignal | undefined, purpose: DialPurpose): Promise<Connection> {
    if (this.#closing !== null) return Promise.reject(shutDown())
    const routes = this.#dialer.routes(peer)
    if ('code' in routes) return Promise.reject(routes)
    return this.#dials.dial(peer, routes, { signal, purpose })
  }

  async #connect(
    peer: NodeId,
    routes: readonly DialRoute[],
    signal: AbortSignal,
  ): Promise<Connection> {
    const credentials = this.#credentials
    const connection = await this.#dialer.connect(peer, routes, signal)
    this.#dialedWith.set(connection, credentials)
    return connection
  }

  /** Takes room for one connection; when there is none, the least recently used idle one goes. */
  async #reserve(peer: NodeId, signal: AbortSignal): Promise<() => void> {
    const { connectionsMax } = this.#settings
    for (let tries = 0; this.size >= connectionsMax; tries++) {
      const victim = leastRecentlyUsed(this.#connections.values())
      if (victim === undefined || tries === roomTriesMax) throw poolFull(connectionsMax)
      if (await this.#retire(victim, 'closedForRoom')) await victim.connection.closed
      if (signal.aborted) throw cancelled(peer)
    }
    this.#reserved += 1
    return () => {
      this.#reserved -= 1
    }
  }

  #accept(connection: Connection): void {
    const verdict = this.#gate.decide(sourceOf(connection.remote.host))
    if (verdict.kind === 'refuse' || this.#closing !== null) {
      return this.#turnAway(connection, verdict.kind === 'refuse' ? verdict.by : null)
    }
    this.#counters.accepted += 1
    const pooled = this.#add(connection, 'waiting', null)
    if (verdict.kind === 'take') this.#handUp(pooled)
    else this.#gate.wait(pooled)
  }

  #turnAway(connection: Connection, by: RefusedBy | null): void {
    if (by === null) return void connection.close({ reason: 'shutting down' })
    if (by === 'connectionsMax') {
      this.#counters.refusedConnectionLimit += 1
      // So that there is room when it comes again.
      const victim = leastRecentlyUsed(this.#connections.values())
      if (victim !== undefined) void this.#retire(victim, 'closedForRoom')
    } else if (by === 'connectionsPerSourceMax') this.#counters.refusedSourceLimit += 1
    else if (by === 'halfOpenMax') this.#counters.refusedHalfOpenLimit += 1
    else this.#counters.refusedRate += 1
    const { limitConnections, rateLimited } = refusalCodes
    const code = by === 'acceptQueueMax' ? rateLimited : limitConnections
    const reason = refusalText(by, this.#settings)
    const { host, port } = connection.remote
    this.#parts.logger.warn(
      { event: 'connection.refused', remote: `${host}:${port}`, limit: by },
      `a connection was turned away at the limit ${by} (${this.#settings[by]})`,
    )
    void connection.close({ code, reason })
  }

  #handUp(pooled: PooledConnection): void {
    pooled.state = 'open'
    this.#onConnection?.(pooled.connection)
  }

  #occupancy(source: string): { total: number; fromSource: number; halfOpen: number } {
    let fromSource = 0
    let halfOpen = 0
    for (const pooled of this.#connections.values()) {
      if (pooled.connection.role === 'dialer') continue
      if (sourceOf(pooled.connection.remote.host) === source) fromSource += 1
      if (pooled.isHalfOpen) halfOpen += 1
    }
    return { total: this.size, fromSource, halfOpen }
  }

  #add(connection: Connection, state: PooledState, dialed: NodeId | null): PooledConnection {
    const pooled = new PooledConnection({
      connection,
      state,
      dialed,
      settings: this.#settings,
      nowMs: this.#parts.scheduler.nowMs(),
      ageDraw: this.#parts.random.float(),
      credentials: this.#dialedWith.get(connection) ?? this.#credentials,
    })
    this.#connections.set(connection, pooled)
    this.#caretaker.start()
    void connection.closed.then((reason) => this.#gone(pooled, reason))
    return pooled
  }

  #gone(pooled: PooledConnection, reason: CloseReason): void {
    pooled.state = 'closing'
    this.#connections.delete(pooled.connection)
    if (this.#connections.size === 0) this.#caretaker.stop()
    // Turned away by the peer, or lost before anything came of it.
    const isWasted = pooled.dialed !== null && pooled.use === null && reason.error !== null
    if (isWasted && this.#closing === null) {
      this.#breakers.failed(pooled.dialed, reason.error)
    }
  }

  #abandon(pooled: PooledConnection, error: NodosumError): void {
    if (pooled.state === 'closing') return
    this.#counters.stalled += 1
    pooled.state = 'closing'
    if (pooled.use === null) void pooled.connection.close({ reason: error.code })
    else pooled.use.abandon(error)
  }

  /** Resolves to whether it closes. */
  async #retire(
    pooled: PooledConnection,
    counter: 'closedIdle' | 'closedForRoom',
  ): Promise<boolean> {
    pooled.state = 'retiring'
    const isClosing = (await pooled.use?.retire()) ?? false
    if (isClosing) {
      pooled.state = 'closing'
      this.#counters[counter] += 1
    } else if (pooled.state === 'retiring') {
      // The peer has a use for it.
      pooled.state = 'active'
      pooled.lastUsedMs = this.#parts.scheduler.nowMs()
    }
    return isClosing
  }
}
