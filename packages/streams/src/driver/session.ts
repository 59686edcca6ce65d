import { type BootId, type NodeId, NodosumError, type Scheduler } from '@nodosum/kernel'
import type { ReceiveStream } from '../core/receive-stream.ts'
import type { SessionRules } from '../core/rules.ts'
import type { SendStream } from '../core/send-stream.ts'
import { SessionCore } from '../core/session-core.ts'
import type {
  Reaped,
  SessionBudgets,
  SessionEnding,
  UnknownOutcome,
} from '../core/session-shapes.ts'
import type { SlabPool } from '../core/slab-pool.ts'
import { type StreamsOptions, sessionLimits } from '../options.ts'
import type { ConnectionCloseReason } from '../ports.ts'
import { connectionFrame, frameType } from '../wire/frame.ts'
import { encodeGoodbye } from '../wire/hello.ts'
import type { LaneClass, LaneKind } from '../wire/open.ts'
import { Carriage, type CarriageHost } from './carriage.ts'
import type { Established } from './handshake.ts'
import type { BudgetsSnapshot, NodeBudgets } from './node-budgets.ts'
import { type SessionSnapshot, sessionSnapshot } from './session-snapshot.ts'
import { SessionTimer } from './session-timer.ts'

/** Why a connection closes that nobody uses; the other end knows it by this. */
const notInUse = 'not in use'

/** Others hear of what arrives this often at most: a look at the clock is all that a chunk costs. */
const heardEveryMs = 100

/** Gets what a session receives. Called synchronously; must not throw. */
export interface SessionHandler {
  /** A message on the control stream; its type is 0x10 or above. */
  control(type: number, bytes: Uint8Array, start: number, end: number): void
  /** The peer opened a lane: set its receiver now, or `refusal` to say why it is not taken. */
  lane(lane: ReceiveStream): void
  /** True when nothing is under way: nothing sent is unconfirmed, nothing received is handled. */
  idle(): boolean
  /** @param unknown frames of which nobody knows whether they arrived */
  closed(reason: NodosumError, unknown: readonly UnknownOutcome[]): void
}

/** What a session needs of the node around it. */
export interface SessionParts {
  readonly scheduler: Scheduler
  readonly options: StreamsOptions
  readonly rules: SessionRules
  readonly budgets: NodeBudgets
  readonly pool: SlabPool
  /** Asks for `flush` at the end of this turn. */
  readonly schedule: (session: Session) => void
  /** Bytes of the peer have arrived: at the first of them, then while they come each 100 ms. */
  readonly onHeard: (peer: NodeId) => void
  /** It has no connection, and should have one; the one that it has just lost stood so long. */
  readonly onDetached: (session: Session, stoodMs: number) => void
  readonly onClosed: (session: Session) => void
}

/** The conversation between two processes, over one connection after the other. */
export class Session implements CarriageHost {
  readonly peer: NodeId
  readonly peerBootId: BootId
  handler: SessionHandler | null = null
  /** The peer asks this end, which dialed, to go on over another connection. */
  onRenewal: (() => void) | null = null
  #id: string
  #carriage: Carriage | null = null
  /** The connection before, until both ends have left it. */
  #older: Carriage | null = null
  #uri: string | null = null
  #isConfirmed = false
  #lastDialer: NodeId | null = null
  /** Its connection was closed because nobody used it. */
  #isResting = false
  #attachedMs = 0
  #heardMs = Number.NEGATIVE_INFINITY
  #closed: NodosumError | null = null
  readonly #budgets: SessionBudgets
  readonly #core: SessionCore
  readonly #self: NodeId
  readonly #parts: SessionParts
  readonly #timer: SessionTimer

  constructor(options: {
    established: Pick<Established, 'session' | 'peer'>
    self: NodeId
    parts: SessionParts
  }) {
    const { established, parts } = options
    this.#id = established.session
    this.peer = established.peer.nodeId
    this.peerBootId = established.peer.bootId
    this.#self = options.self
    this.#parts = parts
    this.#budgets = parts.budgets.ofSession()
    this.#core = new SessionCore({
      nowMs: parts.scheduler.nowMs(),
      limits: sessionLimits(parts.options),
      rules: parts.rules,
      pool: parts.pool,
      budgets: this.#budgets,
      peerWindowBytes: established.peer.windowBytes,
      onDirty: () => parts.schedule(this),
    })
    this.#core.sink = {
      control: (type, bytes, start, end) => this.handler?.control(type, bytes, start, end),
      lane: (lane) => this.handler?.lane(lane),
      renewal: () => this.onRenewal?.(),
    }
    this.#timer = new SessionTimer(parts.scheduler, (nowMs) => {
      this.#core.advance(nowMs)
      this.flush()
    })
  }

  /** Both ends use the same. */
  get id(): string {
    return this.#id
  }

  /**
   * Goes by the id that the peer gave, as long as the peer has neither heard nor said anything in
   * it. False when it has.
   */
  takeId(id: string): boolean {
    if (id === this.#id) return true
    if (this.#isConfirmed || this.#core.hasReceived) return false
    this.#id = id
    return true
  }

  get closed(): boolean {
    return this.#closed !== null
  }

  get control(): SendStream {
    return this.#core.control
  }

  /** The connection that carries it now; null between two. */
  get carriage(): Carriage | null {
    return this.#carriage
  }

  /**
   * Whether something waits for the peer's acknowledgement, and nothing has come from it for so many
   * milliseconds: what is sent now may arrive much later, over another connection.
   */
  isUnanswered(forMs: number): boolean {
    const heardMs = Math.max(this.#heardMs, this.#attachedMs)
    return this.#core.bufferedBytes > 0 && this.#parts.scheduler.nowMs() - heardMs > forMs
  }

  /** Who the certificate of the peer named at first; the session goes on with nobody else. */
  get uri(): string | null {
    return this.#uri
  }

  /** The peer has taken part, so that it must know this session when it goes on. */
  get isConfirmed(): boolean {
    return this.#isConfirmed
  }

  /** It has no connection and should have one. */
  get needsConnection(): boolean {
    if (this.#closed !== null || this.#carriage !== null) return false
    return !this.#isResting || this.#core.bufferedBytes > 0
  }

  /** The peer dialed the last connection, so that it is the first to dial the next. */
  get wasDialedByPeer(): boolean {
    return this.#lastDialer === this.peer
  }

  /** Bytes that the peer has not acknowledged, in all lanes. */
  get bufferedBytes(): number {
    return this.#core.bufferedBytes
  }

  /** Bytes that arrived and were not handed on, in all lanes. */
  get heldBytes(): number {
    return this.#core.heldBytes
  }

  /** What its lanes keep and may be sent, against its limits. */
  get budgets(): BudgetsSnapshot {
    const { buffered, granted } = this.#budgets
    return { buffered: buffered.snapshot(), granted: granted.snapshot() }
  }

  /** True when nothing is under way at this end. */
  get isIdle(): boolean {
    if (this.#closed !== null || this.handler?.idle() === false) return false
    return this.#core.isQuiet
  }

  /** Messages of both directions so far. */
  get activity(): number {
    return this.#core.activity
  }

  get lanes(): number {
    return this.#core.lanes
  }

  /**
   * Opens a lane; set its `owner` before the turn ends. Once it is `closed`, because it was idle or
   * the peer does not take it, another one takes what comes next.
   *
   * @throws `LIMIT_STREAMS` past `lanesPerSessionMax` and `lanesPerApplicationMax`; what ended the
   *   session; what the connection says
   */
  openLane(
    kind: LaneKind,
    application: string,
    name: string,
    laneClass: LaneClass = 'interactive',
  ): SendStream {
    if (this.#closed !== null) throw this.#closed
    const problem = this.#core.lifecycle.problem(application)
    if (problem !== null) {
      throw new NodosumError('ERR_NODOSUM_LIMIT_STREAMS', `lanes to ${this.peer}: ${problem}`)
    }
    const bytes = this.#carriage?.connection.openStream()
    const lane = this.#core.openLane(kind, application, name, laneClass)
    if (bytes !== undefined) this.#carriage?.carry(lane.stream, bytes)
    return lane
  }

  /** Closes lanes that nobody uses; returns what should have had an owner, and had none. */
  sweep(nowMs: number): Reaped[] {
    if (this.#closed !== null) return []
    const { leakAfterMs } = this.#parts.options
    const byteStreams = this.#carriage?.sweep(nowMs, leakAfterMs) ?? []
    const mayWrite = this.#carriage?.attached.peerHasResumed === true
    return [...byteStreams, ...this.#core.lifecycle.sweep(nowMs, mayWrite)]
  }

  /** What there is to see of it, with at most `lanesMax` of its lanes. */
  snapshot(lanesMax: number): SessionSnapshot {
    return sessionSnapshot(this, this.#core, this.#parts.scheduler.nowMs(), lanesMax)
  }

  /** Whether the peer is slow to take replies, so that it should get no new work done. */
  get controlIsLate(): boolean {
    return this.control.bufferedBytes * 2 > this.#parts.options.controlBufferBytesMax
  }

  /**
   * Starts a control frame, as `frame` of a lane does. A peer that lets `controlBufferBytesMax`
   * pile up loses the session.
   */
  controlFrame(type: number, bodyLength: number): number {
    if (!this.control.hasRoom(bodyLength)) {
      // The frame is still written: the caller fills it, and the session ends after this turn.
      this.#parts.scheduler.immediate(() => {
        this.end(new NodosumError('ERR_NODOSUM_OVERLOAD', `${this.peer} does not read its replies`))
      })
    }
    return this.control.frame(type, 0, bodyLength)
  }

  /** Goes on over this connection. */
  attach(established: Established): void {
    this.#older?.close('a third connection took over')
    this.#older = this.#carriage
    this.#lastDialer = established.dialer
    this.#isResting = false
    this.#attachedMs = this.#parts.scheduler.nowMs()
    this.#uri ??= established.connection.peer.uri
    this.#carriage = new Carriage(established, this.#core, this)
    this.#carriage.start(established)
    this.#parts.schedule(this)
  }

  /** Membership says since when the peer has failed; null when it does not. */
  peerFailed(sinceMs: number | null): void {
    this.#core.peerFailed(sinceMs)
    this.#timer.arm(this.#core.nextDeadlineMs())
  }

  /** Asks the peer, which dialed, to go on over another connection. */
  askForRenewal(): void {
    this.#core.askForRenewal()
  }

  /** Closes a connection if this end has no use for it; resolves to whether it did. */
  retire(carriage: Carriage): boolean {
    if (carriage === this.#carriage && !this.isIdle) return false
    carriage.close(notInUse)
    return true
  }

  /** A connection does not work: the session goes on over another one. */
  abandon(carriage: Carriage, error: NodosumError): void {
    void carriage.connection.close({ reason: error.code })
    this.lost(carriage, { code: 0, reason: error.code, remote: false, error })
  }

  /** Says goodbye, hands what waits to the connection as far as the peer takes it, and closes. */
  async close(reason = 'closed'): Promise<void> {
    if (this.#closed !== null) return
    this.flush()
    const error = new NodosumError('ERR_NODOSUM_SHUT_DOWN', `the session to ${this.peer} closed`)
    await this.#finish(error, '', reason)
  }

  /** Ends the session at once, with the reason that everybody waiting on it gets. */
  end(error: NodosumError): void {
    if (this.#closed === null) void this.#finish(error, error.code, error.message)
  }

  /** Does what the core asks for; to be called at the end of a turn. */
  flush(): void {
    if (this.#closed !== null) return
    const core = this.#core
    core.turn(this.#parts.scheduler.nowMs())
    try {
      for (let effect = core.poll(); effect !== null; effect = core.poll()) {
        if (effect.kind === 'settled') this.#settled()
        else this.#carriage?.write(effect)
      }
      for (const stream of core.lifecycle.takeEnded()) this.#carriage?.end(stream)
    } catch (error) {
      const code = error instanceof NodosumError ? error.code : 'ERR_NODOSUM_CONNECTION_LOST'
      this.#carriage?.close(code)
    }
    if (core.ending !== null) return this.#ending(core.ending)
    if (this.needsConnection) this.#parts.onDetached(this, 0)
    this.#timer.arm(core.nextDeadlineMs())
  }

  received(): void {
    const nowMs = this.#parts.scheduler.nowMs()
    if (nowMs - this.#heardMs >= heardEveryMs) {
      this.#heardMs = nowMs
      this.#parts.onHeard(this.peer)
    }
    const { ending } = this.#core
    if (ending !== null && this.#closed === null) this.#ending(ending)
  }

  writable(): void {
    this.flush()
  }

  lost(carriage: Carriage, reason: ConnectionCloseReason): void {
    if (this.#older === carriage) this.#older = null
    if (this.#carriage !== carriage) return
    this.#carriage = null
    const nowMs = this.#parts.scheduler.nowMs()
    this.#core.detach(nowMs, carriage.attached)
    this.#timer.arm(this.#core.nextDeadlineMs())
    // An orderly close of a connection that nobody uses is no loss.
    this.#isResting = reason.reason === notInUse && this.isIdle
    if (this.needsConnection) this.#parts.onDetached(this, nowMs - this.#attachedMs)
  }

  /** Both ends are on the newest connection. The end that dialed it closes the one before. */
  #settled(): void {
    this.#isConfirmed = true
    const [older, carriage] = [this.#older, this.#carriage]
    if (older === null || carriage?.dialer !== this.#self) return
    this.#older = null
    older.close('another connection took over')
  }

  #ending(ending: SessionEnding): void {
    const { peer } = this
    if (ending.kind === 'broken') {
      const what = `session to ${peer}: ${ending.what}`
      this.end(new NodosumError('ERR_NODOSUM_DECODE_FAILED', what))
    } else if (ending.kind === 'expired') {
      const what = `no connection to ${peer} came up in time`
      this.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', what))
    } else {
      const { code, message } = ending.goodbye
      const why = code === '' ? '' : `: ${code}: ${message}`
      const what = `${peer} closed the session${why}`
      this.end(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', what))
    }
  }

  async #finish(error: NodosumError, code: string, message: string): Promise<void> {
    this.#closed = error
    this.#timer.cancel()
    const [carriage, older] = [this.#carriage, this.#older]
    this.#carriage = null
    this.#older = null
    if (carriage !== null && this.#core.ending?.kind !== 'goodbye') {
      const bytes = connectionFrame(frameType.goodbye, encodeGoodbye({ code, message }))
      carriage.write({ kind: 'write', stream: 0, bytes, tail: null })
    }
    const unknown = this.#core.end()
    this.#parts.onClosed(this)
    this.handler?.closed(error, unknown)
    const reason = code === '' ? message : code
    await Promise.all([carriage?.leave(reason), older?.leave(reason)])
  }
}
