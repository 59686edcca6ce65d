import { invariant, type NodeId, NodosumError } from '@nodosum/kernel'
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
import { ClosePacket } from './close-packet.ts'
import {
  callbackFailed,
  cutReason,
  engineFailed,
  handshakeTimedOut,
  type LocalClose,
  lingerFor,
  reasonOfEngine,
} from './close-reason.ts'
import type { ConnectionOptions, ConnectionShared } from './connection-shared.ts'
import type { Timed } from './connection-timers.ts'
import { checkPeer } from './peer-check.ts'
import { StreamTable } from './stream-table.ts'

/** Per connection and turn, so that one cannot keep the event loop from the others. */
const packetsPerTurnMax = 64
/** A turn writes a little less than it can send, so that a flush usually empties the engine. */
const writtenPacketsPerTurn = 60

export class QuicConnection implements Connection, Timed {
  readonly kind = 'quic'
  readonly role: 'dialer' | 'acceptor'
  readonly local: HostPort
  readonly remote: HostPort
  readonly routes: readonly string[]
  readonly closed: Promise<CloseReason>
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** Kept by the endpoint: does it wait for its turn? */
  isScheduled = false
  readonly #shared: ConnectionShared
  readonly #engine: EngineConnection
  readonly #streams: StreamTable
  readonly #path: { from: HostPort; to: HostPort }
  readonly #expect: NodeId | undefined
  readonly #writeBudgetBytes: number
  readonly #peerWords: string
  readonly #startedMs: number
  readonly #handshakeDeadlineMs: number
  readonly #resolveClosed: (reason: CloseReason) => void
  #state: 'handshaking' | 'open' | 'closing' | 'closed' = 'handshaking'
  #peer: PeerIdentity | null = null
  #onClosed: ((reason: CloseReason) => void) | null = null
  #reason: CloseReason | null = null
  #sawPacket = false
  #isEngineEmpty = true
  #lastReceivedMs: number
  #housekeepingMs: number = Number.POSITIVE_INFINITY
  #negotiatedIdleMs: number
  #receivedBytes = 0
  #sentBytes = 0
  #closing: { done: Promise<void>; code: number; reason: string; deadlineMs: number } | null = null
  #askedForAck = false
  #closePacket: ClosePacket | null = null

  constructor(shared: ConnectionShared, options: ConnectionOptions) {
    const { engine, remote, role } = options
    const { settings, scheduler } = shared
    this.#shared = shared
    this.#engine = engine
    this.role = role
    this.local = shared.local
    this.remote = remote
    this.routes = options.routes
    this.#path = { from: remote, to: shared.local }
    this.#expect = options.expect
    this.#writeBudgetBytes = options.packetBytes * writtenPacketsPerTurn
    this.#peerWords = addressWords(remote)
    this.#startedMs = scheduler.nowMs()
    this.#lastReceivedMs = this.#startedMs
    this.#negotiatedIdleMs = settings.idleTimeoutMs
    this.#handshakeDeadlineMs = this.#startedMs + settings.connectTimeoutMs
    const { promise, resolve } = Promise.withResolvers<CloseReason>()
    this.closed = promise
    this.#resolveClosed = resolve
    this.#streams = new StreamTable({
      engine,
      isDialer: role === 'dialer',
      slab: shared.slab,
      gatherBuffer: shared.gatherBuffer,
      streamBufferBytes: settings.streamBufferBytes,
      streamBufferBytesMax: settings.streamBufferBytesMax,
      streamsMax: settings.streamsMax,
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

  get onClosed(): ((reason: CloseReason) => void) | null {
    return this.#onClosed
  }

  set onClosed(callback: ((reason: CloseReason) => void) | null) {
    this.#onClosed = callback
    if (callback !== null && this.#reason !== null) this.#streams.deliver(callback, this.#reason)
  }

  get isHandshaking(): boolean {
    return this.#state === 'handshaking'
  }

  /** True once the peer's certificate passed. */
  get wasOpen(): boolean {
    return this.#peer !== null
  }

  openStream(): ByteStream {
    if (this.#state !== 'open') {
      throw new NodosumError(
        'ERR_NODOSUM_CONNECTION_LOST',
        `the connection to ${this.#peerWords} is ${this.#state}: dial again`,
      )
    }
    return this.#streams.open()
  }

  stats(): ConnectionStats {
    const path = this.#engine.pathStats()[0]
    return {
      rttMs: path?.rtt ?? 0,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      lostPackets: this.#engine.stats().lost,
      congestionWindowBytes: path?.cwnd ?? 0,
      bufferedBytes: this.#streams.bufferedBytes,
      streams: this.#streams.size,
    }
  }

  snapshot(): ConnectionSnapshot | null {
    if (this.#state === 'closed') return null
    return {
      role: this.role,
      remote: this.remote,
      peer: this.#peer,
      state: this.#state,
      ageMs: this.#shared.scheduler.nowMs() - this.#startedMs,
      stats: this.stats(),
    }
  }

  close(reason: { readonly code?: number; readonly reason?: string } = {}): Promise<void> {
    const code = reason.code ?? 0
    invariant(
      Number.isSafeInteger(code) && code >= 0,
      'the code of close() must be an integer from 0 to 2^53-1',
    )
    if (this.#closing !== null) return this.#closing.done
    const done = this.closed.then(() => undefined)
    const text = cutReason(reason.reason ?? '')
    const deadlineMs = this.#shared.scheduler.nowMs() + this.#shared.settings.closeTimeoutMs
    this.#closing = { done, code, reason: text, deadlineMs }
    if (this.#state === 'handshaking') {
      this.#terminate({ app: true, code, reason: text, error: null })
    } else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#streams.acceptsWrites = false
      this.#schedule()
    }
    return done
  }

  /** Ends the connection now, without waiting for anything. */
  abort(close: LocalClose): void {
    if (this.#state !== 'closed') this.#terminate(close)
  }

  /** One datagram of the peer. */
  receive(bytes: Buffer): void {
    this.#receivedBytes += bytes.length
    if (this.#state === 'closed') {
      this.#closePacket?.answerLate()
      return
    }
    this.#sawPacket = true
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
    if (this.#sawPacket) {
      this.#sawPacket = false
      this.#lastReceivedMs = nowMs
    }
    try {
      this.#turn(nowMs)
    } catch (error) {
      this.abort(engineFailed(this.#peerWords, error))
    }
  }

  onDeadline(nowMs: number): void {
    if (this.#state === 'closed') {
      this.#shared.release(this)
      return
    }
    this.deadlineMs = Number.POSITIVE_INFINITY
    try {
      this.#overdue(nowMs)
    } catch (error) {
      this.abort(engineFailed(this.#peerWords, error))
    }
  }

  #overdue(nowMs: number): void {
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
    if (this.#endedByEngine(isComplete)) return
    if (this.#isUp()) {
      // Bytes that the engine could not send yet go first, or they would pile up inside it.
      const mayWrite = this.#isEngineEmpty
      const isWritten = mayWrite && this.#streams.write(this.#writeBudgetBytes)
      isComplete = isComplete && isWritten
    }
    this.#flush()
    if (this.#state === 'closing') this.#closeStep(nowMs)
    if (this.#endedByEngine(isComplete)) return
    if (!isComplete || !this.#isEngineEmpty) this.#schedule()
    this.#setDeadline()
  }

  #isUp(): boolean {
    return this.#state === 'open' || this.#state === 'closing'
  }

  #flush(): void {
    if (this.#state === 'closed') return
    const { sender } = this.#shared
    const result = sender.flush(this.#engine, this.remote, packetsPerTurnMax)
    this.#sentBytes += result.bytes
    this.#isEngineEmpty = result.complete
  }

  #setDeadline(): void {
    if (this.#state === 'closed') return
    const { scheduler, timers } = this.#shared
    const engineMs = this.#engine.timeout()
    // The engine rounds down: one more millisecond, or the timer would fire before its time.
    const timeoutMs = engineMs === null ? Number.POSITIVE_INFINITY : engineMs + 1
    const own = this.#state === 'handshaking' ? this.#handshakeDeadlineMs : this.#housekeepingMs
    const closing = this.#closing?.deadlineMs ?? Number.POSITIVE_INFINITY
    timers.update(this, Math.min(scheduler.nowMs() + timeoutMs, own, closing))
  }

  #schedule(): void {
    if (!this.isScheduled && this.#state !== 'closed') this.#shared.schedule(this)
  }

  #authenticate(nowMs: number): void {
    const { settings, verifyPeer, protocol, opened } = this.#shared
    try {
      this.#peer = checkPeer(this.#engine, {
        verifyPeer,
        protocol,
        expect: this.#expect,
        peer: this.#peerWords,
      })
    } catch (error) {
      const refusal = error as NodosumError
      const code = alertFor(refusal)
      this.#terminate({ app: false, code, reason: refusal.code, error: refusal })
      return
    }
    const peerIdleMs = this.#engine.stats().peerMaxIdleTimeout
    if (peerIdleMs > 0) this.#negotiatedIdleMs = Math.min(peerIdleMs, settings.idleTimeoutMs)
    this.#state = 'open'
    this.#housekeepingMs = nowMs + settings.keepAliveMs
    this.#streams.deliver(opened, this as QuicConnection)
  }

  /** Silence gets a ping, and half-closed streams are asked whether anybody still listens. */
  #keepHouse(nowMs: number): void {
    const { keepAliveMs } = this.#shared.settings
    if (nowMs - this.#lastReceivedMs >= keepAliveMs / 2) this.#engine.sendAckEliciting()
    this.#streams.probeHalfClosed()
    this.#housekeepingMs = nowMs + keepAliveMs
  }

  /**
   * An orderly close waits until the peer's engine has everything. The engine does not say so
   * itself, but it arms its loss timer exactly while something is unacknowledged: right after a
   * packet came in, the only timer left is then the idle one, at its full length.
   */
  #closeStep(nowMs: number): void {
    const closing = this.#closing
    if (closing === null) return
    const isOver = nowMs >= closing.deadlineMs || (this.#isDelivered() && this.#askedForAck)
    if (isOver) {
      this.#terminate({ app: true, code: closing.code, reason: closing.reason, error: null })
      return
    }
    if (this.#askedForAck || !this.#isEngineEmpty || !this.#streams.isFlushed) return
    // Asks for a packet of the peer, so that the idle timer is fresh when everything was acked.
    this.#askedForAck = true
    this.#engine.sendAckEliciting()
    this.#flush()
  }

  #isDelivered(): boolean {
    if (!this.#isEngineEmpty || !this.#streams.isFlushed) return false
    const timeoutMs = this.#engine.timeout()
    return timeoutMs !== null && timeoutMs >= this.#negotiatedIdleMs * 0.9
  }

  /** True when the engine is done: the peer closed, a protocol error, or silence. */
  #endedByEngine(isReadComplete: boolean): boolean {
    if (this.#state === 'closed') return true
    if (!this.#engine.isDraining() && !this.#engine.isClosed()) return false
    if (!isReadComplete) {
      // Everything that arrived before the close is delivered first.
      this.#schedule()
      return true
    }
    this.#finish(reasonOfEngine(this.#engine, this.#peerWords, this.#negotiatedIdleMs))
    this.#shared.release(this)
    return true
  }

  #callbackFailed(error: unknown): void {
    const { logger } = this.#shared
    const fields = { event: 'connection.callback_failed', remote: this.#peerWords, err: error }
    logger.error(fields, 'a callback of the application threw')
    this.abort(callbackFailed(this.#peerWords, error))
  }

  /** Closes from this end, tells the peer, and stays reachable for a moment to tell it again. */
  #terminate(end: LocalClose): void {
    const { udp, scheduler, timers } = this.#shared
    try {
      this.#engine.close(end.app, end.code, Buffer.from(cutReason(end.reason), 'utf8'))
      const bytes = this.#shared.sender.capture(this.#engine)
      if (bytes !== null) this.#closePacket = new ClosePacket(bytes, udp, this.remote)
    } catch {
      // Then the peer finds out by silence.
    }
    this.#closePacket?.send()
    const lingerMs = lingerFor(this.#engine.pathStats()[0]?.rtt ?? 0)
    this.#finish({ code: end.code, reason: end.reason, remote: false, error: end.error })
    if (this.#closePacket === null) this.#shared.release(this)
    else timers.update(this, scheduler.nowMs() + lingerMs)
  }

  #finish(reason: CloseReason): void {
    this.#state = 'closed'
    this.#reason = reason
    this.deadlineMs = Number.POSITIVE_INFINITY
    this.#streams.dieAll(reason.code)
    this.#shared.closed(this, reason)
    this.#resolveClosed(reason)
    const callback = this.#onClosed
    if (callback !== null) this.#streams.deliver(callback, reason)
  }
}
