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
import { ClosePacket } from './close-packet.ts'
import {
  callbackFailed,
  checkCode,
  engineFailed,
  handshakeTimedOut,
  type LocalClose,
  lingerFor,
  lostBeforeAnswer,
  notOpen,
  pingsViolated,
  reasonOfEngine,
} from './close-reason.ts'
import type { ConnectionOptions, ConnectionShared } from './connection-shared.ts'
import type { Timed } from './connection-timers.ts'
import { OrderlyClose } from './orderly-close.ts'
import type { Outlet } from './outlet.ts'
import { checkPeer } from './peer-check.ts'
import { PingLane } from './ping-lane.ts'
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
  readonly outlet: Outlet
  readonly routes: readonly string[]
  readonly closed: Promise<CloseReason>
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** Kept by the endpoint: does it wait for its turn? */
  isScheduled = false
  readonly #shared: ConnectionShared
  readonly #engine: EngineConnection
  readonly #streams: StreamTable
  readonly #pings: PingLane
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
  #closing: OrderlyClose | null = null
  #closePacket: ClosePacket | null = null

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
    this.#writeBudgetBytes = options.packetBytes * writtenPacketsPerTurn
    this.#peerWords = addressWords(remote)
    this.#startedMs = scheduler.nowMs()
    this.#lastReceivedMs = this.#startedMs
    this.#negotiatedIdleMs = settings.idleTimeoutMs
    this.#handshakeDeadlineMs = this.#startedMs + settings.connectTimeoutMs
    const closed = Promise.withResolvers<CloseReason>()
    this.closed = closed.promise
    this.#resolveClosed = closed.resolve
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
    const path = this.#engine.pathStats()[0]
    const { sent, lost } = this.#engine.stats()
    return {
      rttMs: path?.rtt ?? 0,
      sentBytes: this.#sentBytes,
      sentPackets: sent,
      receivedBytes: this.#receivedBytes,
      lostPackets: lost,
      congestionWindowBytes: path?.cwnd ?? 0,
      bufferedBytes: this.#streams.bufferedBytes,
      streams: this.#streams.size,
    }
  }

  snapshot(): ConnectionSnapshot | null {
    if (this.#state === 'closed') return null
    const { role, remote } = this
    const ageMs = this.#shared.scheduler.nowMs() - this.#startedMs
    return { role, remote, peer: this.#peer, state: this.#state, ageMs, stats: this.stats() }
  }

  close(reason: { readonly code?: number; readonly reason?: string } = {}): Promise<void> {
    checkCode(reason.code ?? 0)
    if (this.#closing !== null) return this.#closing.done
    const { scheduler, settings } = this.#shared
    this.#closing = new OrderlyClose(reason, {
      engine: this.#engine,
      done: this.closed.then(() => undefined),
      deadlineMs: scheduler.nowMs() + settings.closeTimeoutMs,
      idleTimeoutMs: this.#negotiatedIdleMs,
    })
    if (this.#state === 'handshaking') this.#terminate(this.#closing.end)
    else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#streams.acceptsWrites = false
      this.#schedule()
    }
    return this.#closing.done
  }

  /** Ends the connection now, without waiting for anything. */
  abort(close: LocalClose): void {
    if (this.#state !== 'closed') this.#terminate(close)
  }

  /** One datagram of the peer. */
  receive(bytes: Buffer): void {
    this.#receivedBytes += bytes.length
    if (this.#state === 'closed') return this.#closePacket?.answerLate()
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
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    this.abort(engineFailed(this.#peerWords, error))
  }

  onDeadline(nowMs: number): void {
    if (this.#state === 'closed') {
      this.#shared.release(this)
      return
    }
    this.deadlineMs = Number.POSITIVE_INFINITY
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
    const result = sender.flush(this.#engine, this.outlet, packetsPerTurnMax)
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

  #closeStep(nowMs: number): void {
    const closing = this.#closing
    if (closing === null) return
    const step = closing.step(nowMs, this.#isEngineEmpty && this.#streams.isFlushed)
    if (step === 'ask') this.#flush()
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
      this.#shared.release(this)
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
    const { sender, scheduler, timers } = this.#shared
    const isRefusal = this.#state === 'handshaking' && !end.app
    const words = { end, isRefusal, sender, outlet: this.outlet }
    this.#closePacket = ClosePacket.closing(this.#engine, words)
    this.#closePacket?.send()
    const rttMs = this.#engine.pathStats()[0]?.rtt ?? 0
    const lingerMs = lingerFor(rttMs, isRefusal && this.role === 'dialer')
    this.#finish({ code: end.code, reason: end.reason, remote: false, error: end.error })
    if (this.#closePacket === null) this.#shared.release(this)
    else timers.update(this, scheduler.nowMs() + lingerMs)
  }

  #finish(reason: CloseReason): void {
    this.#state = 'closed'
    this.#reason = reason
    this.deadlineMs = Number.POSITIVE_INFINITY
    this.#pings.close(lostBeforeAnswer(this.#peerWords))
    this.#streams.dieAll(reason.code)
    this.#shared.closed(this, reason)
    this.#resolveClosed(reason)
    const callback = this.#onClosed
    if (callback !== null) this.#streams.deliver(callback, reason)
  }
}
