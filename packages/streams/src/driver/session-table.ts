import {
  type BootId,
  BoundedMap,
  type Logger,
  type NodeId,
  NodosumError,
  type Scheduler,
} from '@nodosum/kernel'
import { type Attachment, chooseAttachment } from '../core/attachment.ts'
import type { StreamsOptions } from '../options.ts'
import type { Connection, Dial } from '../ports.ts'
import type { Hello, Reject } from '../wire/hello.ts'
import {
  answer,
  duplicateCode,
  type Established,
  greet,
  type HandshakeOptions,
  type Self,
} from './handshake.ts'
import { localSession } from './local-session.ts'
import type { OutgoingLane } from './outgoing-lane.ts'
import { Session } from './session.ts'

/** What a node knows of its conversation with one peer. */
interface PeerEntry {
  session: Session | null
  /** The highest attachment number seen with this peer's current process. */
  attachment: number
  bootId: BootId | null
  /** The process that the peer is now by hearsay; null once a HELLO has told. */
  rumouredBootId: BootId | null
  dial: Promise<Session> | null
  dialAbort: AbortController | null
  /** The attachment number that the dial under way asks for. */
  dialAttachment: number
  /** A HELLO from the peer is accepted and waits for its CONFIRM. */
  answering: boolean
  waiters: Set<(session: Session) => void>
}

/** All sessions of one node, one for each peer. */
export class SessionTable {
  /** Called once for each new session; set its handler before returning. */
  onSession: ((session: Session) => void) | null = null
  readonly #self: Self
  readonly #dial: Dial
  readonly #scheduler: Scheduler
  readonly #logger: Logger
  readonly #options: StreamsOptions
  readonly #peers: BoundedMap<NodeId, PeerEntry>
  readonly #dirty: OutgoingLane[] = []
  #local: Session | null = null
  #closed = false

  constructor(options: {
    self: Self
    dial: Dial
    scheduler: Scheduler
    logger: Logger
    options: StreamsOptions
  }) {
    this.#self = options.self
    this.#dial = options.dial
    this.#scheduler = options.scheduler
    this.#logger = options.logger
    this.#options = options.options
    this.#peers = new BoundedMap(options.options.sessionsMax)
  }

  /** The session to a peer, or null when there is none that takes frames now. */
  get(peer: NodeId): Session | null {
    if (peer === this.#self.nodeId) return this.#localSession()
    const entry = this.#peers.get(peer)
    const session = entry === undefined ? null : currentSession(entry)
    return session?.available === true ? session : null
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

  /** Live sessions with other nodes. */
  *sessions(): IterableIterator<Session> {
    for (const entry of this.#peers.values()) if (entry.session !== null) yield entry.session
  }

  /**
   * The session to a peer, dialing when there is none. Concurrent calls share one attempt.
   *
   * @throws what the dial or HELLO failed with, `LIMIT_CONNECTIONS` past `sessionsMax`,
   *   `SHUT_DOWN` after `close`.
   */
  ensure(peer: NodeId): Promise<Session> {
    const present = this.get(peer)
    if (present !== null) return Promise.resolve(present)
    if (this.#closed) return Promise.reject(shutDown())
    const entry = this.#entry(peer)
    if (entry === null) return Promise.reject(this.#tooMany())
    // It may be about to end; then another one is opened.
    const ending = currentSession(entry)
    if (ending !== null) return ending.settled.then(() => this.ensure(peer))
    if (entry.answering) return this.#inbound(peer, entry)
    return entry.dial ?? this.#dialing(peer, entry, this.#connect(peer, entry))
  }

  /**
   * Goes on over another connection to the same peer, which this node has dialed. Without `force`
   * only once both ends have come to rest; with it, what is under way ends with the session.
   * Resolves to whether a session is open over it; if not, the connection is still the caller's.
   */
  async moveTo(
    session: Session,
    connection: Connection,
    options: { readonly force: boolean },
  ): Promise<boolean> {
    const { peer } = session
    const entry = this.#peers.get(peer)
    if (entry === undefined || entry.session !== session) return false
    if (!options.force && !(await session.comeToRest())) return false
    // The peer may have moved the session meanwhile; the one after it is in use.
    const isFollowed = entry.session !== null && entry.session !== session
    if (this.#closed || isFollowed) return false
    if (entry.dial !== null || entry.answering) {
      // Another session is about to take its place.
      if (!options.force) await session.close('not in use')
      return false
    }
    entry.dialAttachment = entry.attachment + 1
    try {
      await this.#dialing(peer, entry, this.#greet(peer, entry, connection))
    } catch (error) {
      this.#logger.warn(
        { event: 'session.move_failed', peer_id: peer, err: error },
        `the session with ${peer} did not move to another connection`,
      )
      // Both ends have stopped using it.
      if (!options.force) await session.close('not in use')
      return false
    }
    return true
  }

  /** Takes a connection that the transport accepted. */
  accept(connection: Connection): void {
    if (this.#closed) return void connection.close({ reason: 'shutting down' })
    let judged: PeerEntry | null = null
    const judge = (hello: Hello): Reject | null => {
      const entry = this.#entry(hello.nodeId)
      if (entry === null) {
        const problem = this.#tooMany()
        return { code: problem.code, message: problem.message }
      }
      const refusal = this.#judge(hello, entry)
      if (refusal === null) {
        judged = entry
        entry.answering = true
      }
      return refusal
    }
    answer({ ...this.#handshake(connection), judge })
      .then((established) => {
        if (judged !== null) judged.answering = false
        if (established !== null) this.#adopt(established)
      })
      .catch((error: unknown) => {
        if (judged !== null) judged.answering = false
        const { host, port } = connection.remote
        this.#logger.warn(
          { event: 'session.refused', remote: `${host}:${port}`, err: error },
          'a connection did not become a session',
        )
      })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const all = [...this.sessions()]
    if (this.#local !== null) all.push(this.#local)
    for (const entry of this.#peers.values()) entry.dialAbort?.abort()
    await Promise.all(all.map((session) => session.close('node closed')))
    this.#peers.clear()
  }

  #dialing(peer: NodeId, entry: PeerEntry, work: Promise<Session>): Promise<Session> {
    entry.dial = work.finally(() => {
      entry.dial = null
      entry.dialAbort = null
      this.#forgetWhenIdle(peer, entry)
    })
    return entry.dial
  }

  async #connect(peer: NodeId, entry: PeerEntry): Promise<Session> {
    const abort = new AbortController()
    entry.dialAbort = abort
    entry.dialAttachment = entry.attachment + 1
    const connection = await this.#dial(peer, { signal: abort.signal })
    if (this.#closed) {
      void connection.close()
      throw shutDown()
    }
    return await this.#greet(peer, entry, connection)
  }

  async #greet(peer: NodeId, entry: PeerEntry, connection: Connection): Promise<Session> {
    const attachment = entry.dialAttachment
    const options = { ...this.#handshake(connection), expected: peer, attachment }
    const established = await greet(options)
    if (established === null) return await this.#inbound(peer, entry)
    return this.#adopt(established) ?? (await this.#inbound(peer, entry))
  }

  /** Waits for the session that the peer is opening. */
  #inbound(peer: NodeId, entry: PeerEntry): Promise<Session> {
    const present = currentSession(entry)
    if (present !== null) return Promise.resolve(present)
    return new Promise((resolve, reject) => {
      const timer = this.#scheduler.after(this.#options.helloTimeoutMs, () => {
        entry.waiters.delete(found)
        reject(new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', `no session from ${peer}`))
      })
      const found = (session: Session): void => {
        timer.cancel()
        entry.waiters.delete(found)
        resolve(session)
      }
      entry.waiters.add(found)
    })
  }

  /** Whether a dialer's HELLO is accepted, given what this node has and is dialing itself. */
  #judge(hello: Hello, entry: PeerEntry): Reject | null {
    const candidate = { attachment: hello.attachment, dialer: hello.nodeId }
    const duplicate = {
      code: duplicateCode,
      message: 'another connection of the same two nodes was kept',
    }
    const { session } = entry
    const rivals: Attachment[] = session?.peerBootId === hello.bootId ? [session] : []
    const dialedBootId = entry.rumouredBootId ?? entry.bootId
    const isSameProcess = dialedBootId === hello.bootId || dialedBootId === null
    if (entry.dial !== null && isSameProcess) {
      rivals.push({ attachment: entry.dialAttachment, dialer: this.#self.nodeId })
    }
    const wins = rivals.every((rival) => chooseAttachment(rival, candidate) === 'new')
    return wins ? null : duplicate
  }

  #adopt(established: Established): Session | null {
    const { peer } = established
    const entry = this.#entry(peer.nodeId)
    if (entry === null || this.#closed) {
      void established.connection.close({ reason: 'shutting down' })
      return null
    }
    entry.rumouredBootId = null
    const previous = entry.session
    if (previous !== null) {
      const sameProcess = previous.peerBootId === peer.bootId
      if (sameProcess && chooseAttachment(previous, established) === 'current') {
        void established.connection.close({ reason: duplicateCode })
        return previous
      }
      const why = sameProcess ? 'the peer opened a newer connection' : 'the peer has restarted'
      previous.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', `${peer.nodeId}: ${why}`))
    }
    const session = new Session({
      scheduler: this.#scheduler,
      established,
      options: this.#options,
      schedule: this.#schedule,
      onClosed: (closed) => {
        if (entry.session === closed) entry.session = null
        this.#logger.info(
          { event: 'session.closed', peer_id: closed.peer },
          `session with ${closed.peer} closed`,
        )
        this.#forgetWhenIdle(peer.nodeId, entry)
      },
    })
    entry.session = session
    entry.attachment = established.attachment
    entry.bootId = peer.bootId
    this.#logger.info(
      { event: 'session.opened', peer_id: peer.nodeId, transport: session.connection.kind },
      `session with ${peer.nodeId} open`,
    )
    this.onSession?.(session)
    for (const found of [...entry.waiters]) found(session)
    return session
  }

  #entry(peer: NodeId): PeerEntry | null {
    let entry = this.#peers.get(peer)
    if (entry === undefined) {
      entry = {
        session: null,
        attachment: 0,
        bootId: null,
        rumouredBootId: null,
        dial: null,
        dialAbort: null,
        dialAttachment: 0,
        answering: false,
        waiters: new Set(),
      }
      if (!this.#peers.set(peer, entry) && !this.#makeRoom(peer, entry)) return null
    }
    return entry
  }

  /** Entries outlive their session to keep its attachment number, until the room is needed. */
  #makeRoom(peer: NodeId, entry: PeerEntry): boolean {
    for (const [other, { session, dial, answering, waiters }] of this.#peers.entries()) {
      if (session === null && dial === null && !answering && waiters.size === 0) {
        this.#peers.delete(other)
        return this.#peers.set(peer, entry)
      }
    }
    return false
  }

  /** A peer that was never met leaves no trace. */
  #forgetWhenIdle(peer: NodeId, entry: PeerEntry): void {
    const { session, dial, answering, bootId, waiters } = entry
    if (session === null && dial === null && !answering && bootId === null && waiters.size === 0) {
      this.#peers.delete(peer)
    }
  }

  #localSession(): Session | null {
    if (this.#local !== null || this.#closed) return this.#local
    const [near, far] = localSession({
      self: this.#self,
      scheduler: this.#scheduler,
      options: this.#options,
      schedule: this.#schedule,
    })
    this.#local = near
    this.onSession?.(far)
    this.onSession?.(near)
    return near
  }

  #handshake(connection: Connection): HandshakeOptions {
    return {
      connection,
      self: this.#self,
      scheduler: this.#scheduler,
      timeoutMs: this.#options.helloTimeoutMs,
      frameBytesMax: this.#options.messageBytesMax + 1_024,
      controlBufferBytesMax: this.#options.controlBufferBytesMax,
      schedule: this.#schedule,
    }
  }

  #tooMany(): NodosumError {
    return new NodosumError(
      'ERR_NODOSUM_LIMIT_CONNECTIONS',
      `this node has ${this.#options.sessionsMax} sessions, as many as it may (sessionsMax)`,
    )
  }

  /** Frames of one turn leave together at its end. */
  readonly #schedule = (lane: OutgoingLane): void => {
    if (this.#dirty.push(lane) === 1) this.#scheduler.immediate(this.#flush)
  }

  readonly #flush = (): void => {
    const lanes = this.#dirty.splice(0)
    for (const lane of lanes) lane.flush()
  }
}

/** The session unless the peer is said to be another process than the one it is with. */
function currentSession({ session, rumouredBootId }: PeerEntry): Session | null {
  return rumouredBootId === null ? session : null
}

function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'this node is closed')
}
