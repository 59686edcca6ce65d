import {
  type BootId,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import { type SessionRules, sessionRules } from '../core/rules.ts'
import { SlabPool } from '../core/slab-pool.ts'
import { firstWindowBytes, type StreamsOptions } from '../options.ts'
import type { Connection, Dial, Refuses } from '../ports.ts'
import { type Hello, sessionIdBytes, sessionIdFromBytes } from '../wire/hello.ts'
import type { Carriage } from './carriage.ts'
import { EndOfTurn } from './end-of-turn.ts'
import {
  answer,
  duplicateCode,
  type Established,
  greet,
  type HandshakeOptions,
  refusalOf,
  type Self,
} from './handshake.ts'
import { LaneReaper, type ReaperCounters } from './lane-reaper.ts'
import { localSession } from './local-session.ts'
import { type BudgetsSnapshot, NodeBudgets } from './node-budgets.ts'
import { PeerEntries } from './peer-entries.ts'
import {
  attachedSession,
  awaitSession,
  currentSession,
  offerTo,
  type PeerEntry,
  verdictOn,
} from './peer-entry.ts'
import { Redialer } from './redialer.ts'
import { Session, type SessionParts } from './session.ts'
import type { SessionSnapshot } from './session-snapshot.ts'
import { shutDown, tooManySessions } from './table-errors.ts'

/** All sessions of one node, one for each peer. */
export class SessionTable {
  /** Called once for each new session; set its handler before returning. */
  onSession: ((session: Session) => void) | null = null
  /** Called for each connection that a session goes on over. */
  onAttached: ((session: Session, carriage: Carriage) => void) | null = null
  /** Called when bytes of a peer have arrived on a connection, at most each 100 ms for each peer. */
  onHeard: ((peer: NodeId) => void) | null = null
  readonly #self: Self
  readonly #dial: Dial
  readonly #refuses: Refuses
  readonly #random: Random
  readonly #logger: Logger
  readonly #parts: SessionParts
  readonly #redialer: Redialer
  readonly #peers: PeerEntries
  readonly #reaper: LaneReaper
  #local: Session | null = null
  #closed = false

  constructor(
    options: {
      self: Self
      dial: Dial
      /** Who must have no session; without it everybody may whose certificate passed. */
      refuses?: Refuses
      scheduler: Scheduler
      /** In production a cryptographic one. */
      random: Random
      logger: Logger
      options: StreamsOptions
    },
    rules: SessionRules = sessionRules,
  ) {
    this.#self = options.self
    this.#dial = options.dial
    this.#refuses = options.refuses ?? (() => null)
    this.#random = options.random
    this.#logger = options.logger
    this.#peers = new PeerEntries(options.options.sessionsMax)
    this.#reaper = new LaneReaper(options.scheduler, options.logger, options.options)
    const turn = new EndOfTurn(options.scheduler)
    const allocate = (bytes: number): Uint8Array => Buffer.allocUnsafeSlow(bytes)
    this.#parts = {
      scheduler: options.scheduler,
      options: options.options,
      rules,
      budgets: new NodeBudgets(options.options, rules),
      pool: new SlabPool(allocate, options.options.pooledBuffersMax),
      schedule: (session) => turn.add(session),
      onHeard: (peer) => this.onHeard?.(peer),
      onDetached: (session, stoodMs) => this.#detached(session, stoodMs),
      onClosed: (session) => this.#ended(session),
    }
    this.#redialer = new Redialer({
      scheduler: options.scheduler,
      random: options.random,
      logger: options.logger,
      pauseMaxMs: options.options.redialMaxMs,
      ensure: (peer) => this.ensure(peer),
    })
  }

  /** The session to a peer, whether it has a connection now or not; null when there is none. */
  get(peer: NodeId): Session | null {
    if (peer === this.#self.nodeId) return this.#localSession()
    const entry = this.#peers.get(peer)
    return entry === undefined ? null : currentSession(entry)
  }

  /** What all sessions together keep and may be sent. */
  get budgets(): BudgetsSnapshot {
    return this.#parts.budgets.snapshot()
  }

  /** Sessions with other nodes that have a connection. */
  *sessions(): IterableIterator<Session> {
    for (const entry of this.#peers.values()) {
      if (entry.session?.carriage != null) yield entry.session
    }
  }

  /** What was found that nobody uses any more, and closed. */
  get reaped(): ReaperCounters {
    return this.#reaper.counters
  }

  /** Every session as it stands now, with at most so many lanes in all. */
  snapshots(lanesMax = 1_000): SessionSnapshot[] {
    return this.#reaper.snapshots(lanesMax)
  }

  /**
   * Somebody says that the peer is another process now. Hearsay ends no session: what there is goes
   * on until the HELLO of another process ends it. But new work no longer goes to it: `get` returns
   * null and `ensure` dials, until a HELLO has told which process the peer is.
   */
  rumourOfRestart(peer: NodeId, bootId: BootId): void {
    const entry = this.#peers.get(peer)
    if (entry !== undefined && entry.bootId !== bootId) entry.rumouredBootId = bootId
  }

  /** Membership has declared the peer failed, or takes that back. */
  peerFailed(peer: NodeId, hasFailed: boolean): void {
    const entry = this.#peers.get(peer)
    if (entry === undefined) return
    entry.failedMs = hasFailed ? (entry.failedMs ?? this.#parts.scheduler.nowMs()) : null
    entry.session?.peerFailed(entry.failedMs)
  }

  /**
   * The session to a peer with a connection under it, dialing when there is none. Concurrent calls
   * share one attempt.
   *
   * @throws what the dial or HELLO failed with, `LIMIT_CONNECTIONS` past `sessionsMax`,
   *   `SHUT_DOWN` after `close`.
   */
  ensure(peer: NodeId): Promise<Session> {
    if (peer === this.#self.nodeId) {
      const local = this.#localSession()
      return local === null ? Promise.reject(shutDown()) : Promise.resolve(local)
    }
    if (this.#closed) return Promise.reject(shutDown())
    const entry = this.#peers.take(peer)
    if (entry === null) return Promise.reject(tooManySessions(this.#parts.options.sessionsMax))
    const present = attachedSession(entry)
    if (present !== null) return Promise.resolve(present)
    if (entry.answering) return this.#inbound(peer, entry)
    return entry.dial ?? this.#dialing(peer, entry, this.#connect(peer, entry))
  }

  /**
   * Goes on over another connection to the same peer, which this node has dialed, and which stays
   * the caller's when this resolves to false.
   */
  async moveTo(session: Session, connection: Connection): Promise<boolean> {
    const { peer } = session
    const entry = this.#peers.get(peer)
    const isBusy = entry === undefined || entry.dial !== null || entry.answering
    if (isBusy || entry.session !== session || this.#closed) return false
    const before = session.carriage
    try {
      await this.#dialing(peer, entry, this.#greet(peer, entry, connection))
    } catch (error) {
      this.#logger.warn(
        { event: 'session.move_failed', peer_id: peer, err: error },
        `the session with ${peer} did not move to another connection`,
      )
    }
    const { carriage } = session
    return carriage !== null && carriage !== before && carriage.connection === connection
  }

  /** Takes a connection that the transport accepted. */
  accept(connection: Connection): void {
    if (this.#closed) return void connection.close({ reason: 'shutting down' })
    let judged: { readonly peer: NodeId; readonly entry: PeerEntry } | null = null
    const judge = (hello: Hello) => {
      const refusal = this.#refuses(hello.nodeId, hello.bootId)
      if (refusal !== null) return refusalOf(refusal)
      const entry = this.#peers.take(hello.nodeId)
      if (entry === null) return refusalOf(tooManySessions(this.#parts.options.sessionsMax))
      const { uri } = connection.peer
      const verdict = verdictOn(hello, uri, entry, this.#parts.rules, this.#newId)
      if (!('code' in verdict)) {
        judged = { peer: hello.nodeId, entry }
        entry.answering = true
      }
      return verdict
    }
    answer({ ...this.#handshake(connection), judge })
      .finally(() => {
        if (judged !== null) judged.entry.answering = false
      })
      .then((established) => {
        if (established !== null) this.#adopt(established)
      })
      .catch((error: unknown) => {
        const { host, port } = connection.remote
        this.#logger.warn(
          { event: 'session.refused', remote: `${host}:${port}`, err: error },
          'a connection did not become a session',
        )
      })
      .finally(() => {
        if (judged !== null) this.#attemptEnded(judged.peer, judged.entry)
      })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const all = this.#local === null ? [] : [this.#local]
    for (const entry of this.#peers.values()) {
      entry.dialAbort?.abort()
      entry.redial?.cancel()
      if (entry.session !== null) all.push(entry.session)
    }
    await Promise.all(all.map((session) => session.close('node closed')))
    this.#peers.clear()
  }

  // Dialing

  #dialing(peer: NodeId, entry: PeerEntry, work: Promise<Session>): Promise<Session> {
    entry.redial?.cancel()
    entry.redial = null
    entry.dial = work.finally(() => {
      entry.dial = null
      entry.dialAbort = null
      entry.greeting = null
      this.#attemptEnded(peer, entry)
    })
    return entry.dial
  }

  async #connect(peer: NodeId, entry: PeerEntry): Promise<Session> {
    const refusal = this.#refuses(peer, null)
    if (refusal !== null) throw refusal
    entry.dialAbort = new AbortController()
    const connection = await this.#dial(peer, entry.dialAbort).catch((error: unknown) => {
      throw this.#closed ? shutDown() : error
    })
    if (this.#closed) {
      void connection.close()
      throw shutDown()
    }
    // The peer may have been faster.
    const present = attachedSession(entry)
    if (present === null && !entry.answering) return await this.#greet(peer, entry, connection)
    void connection.close({ reason: duplicateCode })
    return present ?? (await this.#inbound(peer, entry))
  }

  async #greet(peer: NodeId, entry: PeerEntry, connection: Connection): Promise<Session> {
    const offer = offerTo(peer, entry, this.#newId)
    entry.greeting = { attachment: offer.attachment, dialer: this.#self.nodeId }
    const established = await greet({
      ...this.#handshake(connection),
      offer,
      rejected: ({ attachment }) => {
        entry.attachment = Math.max(entry.attachment, attachment)
      },
    })
    entry.greeting = null
    if (established === null) return await this.#inbound(peer, entry)
    return this.#adopt(established) ?? (await this.#inbound(peer, entry))
  }

  #inbound(peer: NodeId, entry: PeerEntry): Promise<Session> {
    return awaitSession(peer, entry, this.#parts.scheduler, this.#parts.options.helloTimeoutMs)
  }

  /** A connection came up or did not; whoever lost another one meanwhile was not served. */
  #attemptEnded(peer: NodeId, entry: PeerEntry): void {
    const { session } = entry
    if (session?.needsConnection === true) this.#detached(session, 0)
    this.#peers.forgetWhenIdle(peer, entry)
  }

  /** A session has lost its connection, or has something to send and none. */
  #detached(session: Session, stoodMs: number): void {
    const entry = this.#peers.get(session.peer)
    if (entry?.session === session && !this.#closed)
      this.#redialer.schedule(session, entry, stoodMs)
  }

  // Sessions

  #adopt(established: Established): Session | null {
    const { peer, connection } = established
    const entry = this.#peers.take(peer.nodeId)
    if (entry === null || this.#closed) {
      void connection.close({ reason: 'shutting down' })
      return null
    }
    const { session: previous } = entry
    entry.rumouredBootId = null
    entry.attachment = Math.max(entry.attachment, established.attachment)
    const isSame = previous !== null && previous.peerBootId === peer.bootId
    if (isSame && previous.carriage !== null) {
      if (this.#parts.rules.choose(previous.carriage, established) === 'current') {
        void connection.close({ reason: duplicateCode })
        return previous
      }
    }
    entry.bootId = peer.bootId
    let session = previous
    if (session === null || !isSame || !session.takeId(established.session)) {
      const why = isSame ? 'the peer does not know the session' : 'the peer has restarted'
      previous?.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `${peer.nodeId}: ${why}`))
      session = this.#open(entry, established)
    }
    session.attach(established)
    if (session.carriage !== null) {
      this.onAttached?.(session, session.carriage)
      for (const found of [...entry.waiters]) found(session)
    }
    return session
  }

  #open(entry: PeerEntry, established: Established): Session {
    const { nodeId } = established.peer
    const session = new Session({ established, self: this.#self.nodeId, parts: this.#parts })
    entry.session = session
    if (entry.failedMs !== null) session.peerFailed(entry.failedMs)
    this.#logger.info(
      { event: 'session.opened', peer_id: nodeId, transport: established.connection.kind },
      `session with ${nodeId} open`,
    )
    this.#opened(session)
    return session
  }

  #opened(session: Session): void {
    this.#reaper.add(session)
    this.onSession?.(session)
  }

  #ended(session: Session): void {
    this.#reaper.remove(session)
    const { peer } = session
    const entry = this.#peers.get(peer)
    if (entry?.session !== session) return
    entry.session = null
    entry.redial?.cancel()
    entry.redial = null
    const fields = { event: 'session.closed', peer_id: peer }
    this.#logger.info(fields, `session with ${peer} closed`)
    this.#peers.forgetWhenIdle(peer, entry)
  }

  #localSession(): Session | null {
    if (this.#local !== null || this.#closed) return this.#local
    this.#local = localSession(this.#self, this.#newId(), this.#parts, (session) =>
      this.#opened(session),
    )
    return this.#local
  }

  #handshake(connection: Connection): HandshakeOptions {
    const timeoutMs = this.#parts.options.helloTimeoutMs
    const windowBytes = firstWindowBytes(this.#parts.options)
    return {
      connection,
      self: this.#self,
      scheduler: this.#parts.scheduler,
      timeoutMs,
      windowBytes,
    }
  }

  readonly #newId = (): string => sessionIdFromBytes(this.#random.bytes(sessionIdBytes))
}
