import { invariant, type NodeId, type NodosumError } from '@nodosum/kernel'
import type {
  ByteStream,
  CloseReason,
  Connection,
  ConnectionSnapshot,
  ConnectionStats,
  HostPort,
  PeerIdentity,
} from '@nodosum/transport'
import { alertFor } from '../core/close-codes.ts'
import type { EngineConnection } from '../ports.ts'
import { addressWords } from './address.ts'
import {
  callbackFailed,
  checkCode,
  cutReason,
  engineFailed,
  handshakeTimedOut,
  keysUsedUp,
  type LocalClose,
  lostBeforeAnswer,
  notOpen,
  pingsViolated,
  reasonOfEngine,
  unreadOverflow,
} from './close-reason.ts'
import { ConnectionEnding } from './connection-ending.ts'
import { ConnectionMeter } from './connection-meter.ts'
import type { ConnectionOptions, ConnectionShared } from './connection-shared.ts'
import type { Timed } from './connection-timers.ts'
import type { Outlet } from './outlet.ts'
import { PacketFlow } from './packet-flow.ts'
import { checkPeer } from './peer-check.ts'
import { PingLane } from './ping-lane.ts'
import { StreamTable } from './stream-table.ts'
import { UnreadBytes } from './unread-bytes.ts'

/** Who was heard just after a look is pinged at the second one from then: not later than it may be. */
const looksPerKeepAlive = 2

export class QuicConnection implements Connection, Timed {
  readonly kind = 'quic'
  readonly role: 'dialer' | 'acceptor'
  readonly local: HostPort
  readonly remote: HostPort
  readonly outlet: Outlet
  readonly routes: readonly string[]
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** Kept by the endpoint: does it wait for its turn? */
  isScheduled = false
  readonly #shared: ConnectionShared
  readonly #engine: EngineConnection
  readonly #streams: StreamTable
  readonly #pings: PingLane
  readonly #path: { from: HostPort; to: HostPort }
  readonly #expect: NodeId | undefined
  readonly #meter: ConnectionMeter
  readonly #unread: UnreadBytes
  readonly #ending: ConnectionEnding
  readonly #flow: PacketFlow
  readonly #peerWords: string
  readonly #startedMs: number
  readonly #handshakeDeadlineMs: number
  #state: 'handshaking' | 'open' | 'closing' | 'closed' = 'handshaking'
  #peer: PeerIdentity | null = null
  #housekeepingMs: number = Number.POSITIVE_INFINITY
  #negotiatedIdleMs: number

  constructor(shared: ConnectionShared, options: ConnectionOptions) {
    const { engine, outlet, role } = options
    const { remote } = outlet
    const { settings, scheduler } = shared
    this.#shared = shared
    this.#engine = engine
    this.role = role
    this.local = shared.local
    this.remote = remote
    this.outlet = outlet
    this.routes = options.routes
    this.#path = { from: remote, to: shared.local }
    this.#expect = options.expect
    this.#peerWords = addressWords(remote)
    this.#startedMs = scheduler.nowMs()
    this.#negotiatedIdleMs = settings.idleTimeoutMs
    this.#handshakeDeadlineMs = this.#startedMs + settings.connectTimeoutMs
    this.#meter = new ConnectionMeter(engine)
    this.#unread = new UnreadBytes(settings.streamWindowBytes, () => this.#meter.receivedBytes)
    const { sender, pathSizes } = shared
    const nowMs = this.#startedMs
    this.#flow = new PacketFlow({ engine, outlet, sender, pathSizes, meter: this.#meter, nowMs })
    this.#ending = new ConnectionEnding({
      engine,
      role,
      sender,
      outlet,
      deliver: (callback, reason) => this.#streams.deliver(callback, reason),
    })
    const isDialer = role === 'dialer'
    this.#pings = new PingLane({
      engine,
      isDialer,
      peer: this.#peerWords,
      randomBytes: shared.randomBytes,
      nowMs: () => scheduler.nowMs(),
      schedule: () => this.#schedule(),
      onViolation: (what) => this.abort(pingsViolated(this.#peerWords, what)),
    })
    this.#streams = new StreamTable({
      engine,
      isDialer,
      pings: this.#pings,
      slab: shared.slab,
      gatherBuffer: shared.gatherBuffer,
      streamBufferBytes: settings.streamBufferBytes,
      streamBufferBytesMax: settings.streamBufferBytesMax,
      streamsMax: settings.streamsMax,
      unread: this.#unread,
      schedule: () => this.#schedule(),
      onCallbackFailed: (error) => this.#callbackFailed(error),
    })
    shared.timers.add(this)
  }

  get peer(): PeerIdentity {
    invariant(this.#peer !== null, 'a connection is handed over after its peer is known')
    return this.#peer
  }

  get onStream(): ((stream: ByteStream) => void) | null {
    return this.#streams.onStream
  }

  set onStream(callback: ((stream: ByteStream) => void) | null) {
    this.#streams.onStream = callback
  }

  get closed(): Promise<CloseReason> {
    return this.#ending.closed
  }

  get onClosed(): ((reason: CloseReason) => void) | null {
    return this.#ending.onClosed
  }

  set onClosed(callback: ((reason: CloseReason) => void) | null) {
    this.#ending.onClosed = callback
  }

  get isHandshaking(): boolean {
    return this.#state === 'handshaking'
  }

  /** The id by which the peer knows the connection. */
  get peerId(): Uint8Array {
    return this.#engine.destinationId()
  }

  /** True once the peer's certificate passed. */
  get wasOpen(): boolean {
    return this.#peer !== null
  }

  openStream(): ByteStream {
    if (this.#state !== 'open') throw notOpen(this.#peerWords, this.#state)
    return this.#streams.open()
  }

  ping(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (this.#state === 'open') return this.#pings.ping(options.signal)
    return Promise.reject(notOpen(this.#peerWords, this.#state))
  }

  stats(): ConnectionStats {
    const { sentBytes, sentPackets, receivedBytes } = this.#meter
    const { bufferedBytes, size } = this.#streams
    const ofEngine = this.#meter.reading(this.#shared.scheduler.nowMs())
    return { ...ofEngine, sentBytes, sentPackets, receivedBytes, bufferedBytes, streams: size }
  }

  snapshot(): ConnectionSnapshot | null {
    if (this.#state === 'closed') return null
    const { role, remote } = this
    const ageMs = this.#shared.scheduler.nowMs() - this.#startedMs
    return { role, remote, peer: this.#peer, state: this.#state, ageMs, stats: this.stats() }
  }

  close(wish: { readonly code?: number; readonly reason?: string } = {}): Promise<void> {
    const { code = 0, reason = '' } = wish
    checkCode(code)
    return this.#closeInOrder({ app: true, code, reason: cutReason(reason), error: null })
  }

  /** Ends the connection now, without waiting for anything. */
  abort(close: LocalClose): void {
    if (this.#state !== 'closed') this.#terminate(close)
  }

  /** One datagram of the peer. */
  receive(bytes: Buffer): void {
    if (this.#state === 'closed') return this.#ending.answerLate()
    this.#unread.received(bytes.length)
    try {
      this.#engine.recv(bytes, this.#path)
    } catch {
      // The engine now has an answer to send, or the packet was not its own: see the next turn.
    }
    if (!this.isScheduled) this.#shared.schedule(this)
  }

  /** Everything of one turn of the event loop: read, write, send, and set the next deadline. */
  turn(nowMs: number): void {
    if (this.#state === 'closed') return
    try {
      this.#turn(nowMs)
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    this.abort(engineFailed(this.#peerWords, error))
  }

  onDeadline(nowMs: number): void {
    if (this.#state === 'closed') return this.#linger(this.#ending.linger(nowMs))
    this.deadlineMs = Number.POSITIVE_INFINITY
    if (this.#engine.timeout() === 0) this.#flow.timedOut(nowMs)
    this.#engine.onTimeout()
    if (this.#state === 'handshaking' && nowMs >= this.#handshakeDeadlineMs) {
      const { connectTimeoutMs } = this.#shared.settings
      return this.#terminate(handshakeTimedOut(this.#peerWords, connectTimeoutMs))
    }
    if (nowMs >= this.#housekeepingMs) this.#keepHouse(nowMs)
    this.#schedule()
  }

  #turn(nowMs: number): void {
    if (this.#state === 'handshaking' && this.#engine.isEstablished()) this.#authenticate(nowMs)
    let isComplete = true
    if (this.#isUp()) {
      isComplete = this.#streams.read()
      this.#streams.settle()
    }
    if (this.#endedByEngine(isComplete) || this.#isOverLimit()) return
    if (this.#isUp()) {
      this.#flow.step(nowMs)
      // Bytes that the engine could not send yet go first, or they would pile up inside it.
      const isWritten = this.#flow.isEmpty && this.#streams.write(this.#flow.writeBudgetBytes)
      isComplete = isComplete && isWritten
    }
    this.#flow.flush()
    if (this.#state === 'closing') this.#closeStep(nowMs)
    if (this.#endedByEngine(isComplete)) return
    if (!isComplete || !this.#flow.isEmpty) this.#schedule()
    this.#setDeadline()
  }

  #isUp(): boolean {
    return this.#state === 'open' || this.#state === 'closing'
  }

  /** Ends a connection that holds or has used too much; true when it is over then. */
  #isOverLimit(): boolean {
    const { unreadBytesMax, keyPacketsMax } = this.#shared.settings
    if (this.#unread.exceeds(unreadBytesMax)) {
      this.#terminate(unreadOverflow(this.#peerWords, unreadBytesMax))
    } else if (this.#meter.sentPackets >= keyPacketsMax && this.#state === 'open') {
      void this.#closeInOrder(keysUsedUp(this.#peerWords, keyPacketsMax))
    }
    return this.#state === 'closed'
  }

  #setDeadline(): void {
    if (this.#state === 'closed') return
    const { scheduler, timers } = this.#shared
    const engineMs = this.#engine.timeout()
    // The engine rounds down: one more millisecond, or the timer would fire before its time.
    const timeoutMs = engineMs === null ? Number.POSITIVE_INFINITY : engineMs + 1
    const own = this.#state === 'handshaking' ? this.#handshakeDeadlineMs : this.#housekeepingMs
    const nextMs = Math.min(own, this.#flow.deadlineMs, this.#ending.deadlineMs)
    timers.update(this, Math.min(scheduler.nowMs() + timeoutMs, nextMs))
  }

  #schedule(): void {
    if (!this.isScheduled && this.#state !== 'closed') this.#shared.schedule(this)
  }

  #authenticate(nowMs: number): void {
    const { settings, verifyPeer, protocol, opened } = this.#shared
    // A peer that refused our certificate has closed in the words of TLS.
    if (this.#engine.peerError()?.isApp === false) return
    try {
      this.#peer = checkPeer(this.#engine, {
        verifyPeer,
        protocol,
        expect: this.#expect,
        peer: this.#peerWords,
      })
    } catch (error) {
      const refusal = error as NodosumError
      this.#terminate({ app: false, code: alertFor(refusal), reason: refusal.code, error: refusal })
      return
    }
    const peerIdleMs = this.#engine.stats().peerMaxIdleTimeout
    if (peerIdleMs > 0) this.#negotiatedIdleMs = Math.min(peerIdleMs, settings.idleTimeoutMs)
    this.#state = 'open'
    this.#housekeepingMs = nowMs + settings.keepAliveMs / looksPerKeepAlive
    this.#flow.open()
    this.#streams.deliver(opened, this as QuicConnection)
  }

  /** Silence gets a ping, and half-closed streams are asked whether anybody still listens. */
  #keepHouse(nowMs: number): void {
    const { keepAliveMs } = this.#shared.settings
    if (!this.#meter.hasHeardPeer()) this.#engine.sendAckEliciting()
    this.#streams.probeHalfClosed()
    this.#housekeepingMs = nowMs + keepAliveMs / looksPerKeepAlive
  }

  #closeInOrder(end: LocalClose): Promise<void> {
    const { orderly } = this.#ending
    if (orderly !== null) return orderly.done
    const { scheduler, settings } = this.#shared
    const deadlineMs = scheduler.nowMs() + settings.closeTimeoutMs
    const idleTimeoutMs = this.#negotiatedIdleMs
    const { done } = this.#ending.begin(end, { deadlineMs, idleTimeoutMs })
    if (this.#state === 'handshaking') this.#terminate(end)
    else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#streams.acceptsWrites = false
      this.#schedule()
    }
    return done
  }

  #closeStep(nowMs: number): void {
    const closing = this.#ending.orderly
    if (closing === null) return
    const step = closing.step(nowMs, this.#flow.isEmpty && this.#streams.isFlushed)
    if (step === 'ask') this.#flow.flush()
    if (step === 'over') this.#terminate(closing.end)
  }

  /** True when the engine is done: the peer closed, a protocol error, or silence. */
  #endedByEngine(isReadComplete: boolean): boolean {
    if (this.#state === 'closed') return true
    const failure = this.#engine.localError()
    const isOver = this.#engine.isDraining() || this.#engine.isClosed()
    if (!isOver && failure === null) return false
    if (!isReadComplete) {
      // Everything that arrived before the close is delivered first.
      this.#schedule()
      return true
    }
    const reason = reasonOfEngine(this.#engine, this.#peerWords, this.#negotiatedIdleMs)
    if (!isOver && failure !== null) this.#terminate({ app: failure.isApp, ...reason })
    else {
      this.#finish(reason)
      const isClosedByPeer = !this.#engine.isTimedOut()
      this.#linger(isClosedByPeer ? this.#ending.hear(this.#shared.scheduler.nowMs()) : null)
    }
    return true
  }

  #callbackFailed(error: unknown): void {
    const fields = { event: 'connection.callback_failed', remote: this.#peerWords, err: error }
    this.#shared.logger.error(fields, 'a callback of the application threw')
    this.abort(callbackFailed(this.#peerWords, error))
  }

  /** Closes from this end, tells the peer, and stays reachable for a moment to tell it again. */
  #terminate(end: LocalClose): void {
    const isRefusal = this.#state === 'handshaking' && !end.app
    const nextMs = this.#ending.tell(end, isRefusal, this.#shared.scheduler.nowMs())
    this.#finish({ code: end.code, reason: end.reason, remote: false, error: end.error })
    this.#linger(nextMs)
  }

  /** Its ids stay known for a moment: late packets are its own. */
  #linger(untilMs: number | null): void {
    if (untilMs === null) this.#shared.release(this)
    else this.#shared.timers.update(this, untilMs)
  }

  #finish(reason: CloseReason): void {
    this.#state = 'closed'
    this.deadlineMs = Number.POSITIVE_INFINITY
    this.#pings.close(lostBeforeAnswer(this.#peerWords))
    this.#streams.dieAll(reason.code)
    this.#shared.closed(this, reason)
    this.#ending.finish(reason)
  }
}
