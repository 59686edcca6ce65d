import { invariant, type NodeId, NodosumError, type TimerHandle } from '@nodosum/kernel'
import {
  type ByteStream,
  type CloseReason,
  type Connection,
  type ConnectionSnapshot,
  type ConnectionStats,
  codeMax,
  errorCodeOfRefusal,
  type HostPort,
  type PeerIdentity,
} from '@nodosum/transport'
import { addressWords } from '../core/address.ts'
import type { Admitted } from '../core/admission.ts'
import { errorOfFarewell } from '../core/close-error.ts'
import type {
  EngineSession,
  EngineStream,
  Link,
  LinkEvents,
  PeerProof,
  RequestedStream,
  SessionEvents,
} from '../ports.ts'
import { decodeFarewell, encodeFarewell, encodeRefusal, type Farewell } from '../wire/farewell.ts'
import { controlPath } from '../wire/request-path.ts'
import {
  callbackFailed,
  closedByCaller,
  fellSilent,
  handshakeTimedOut,
  type LocalClose,
  lost,
  peerRefused,
  sessionEnded,
  sessionFailed,
  versionRefused,
  violated,
} from './close-reason.ts'
import type { ConnectionOptions, ConnectionShared } from './connection-shared.ts'
import { ControlLane } from './control-lane.ts'
import { KeepAlive } from './keep-alive.ts'
import { OrderlyClose } from './orderly-close.ts'
import { checkPeer } from './peer-check.ts'
import { PingLane } from './ping-lane.ts'
import { StreamTable } from './stream-table.ts'

/** How long a closed connection's socket may take to say its last word. */
const lingerMs = 1_000
const okStatus = 200

export class H2Connection implements Connection, LinkEvents, SessionEvents {
  readonly kind = 'h2'
  readonly role: 'dialer' | 'acceptor'
  readonly remote: HostPort
  readonly closed: Promise<CloseReason>
  /** Its place among the accepted ones; null when this end dialed. */
  readonly admitted: Admitted | null
  readonly #shared: ConnectionShared
  readonly #expect: NodeId | undefined
  readonly #peerWords: string
  readonly #startedMs: number
  readonly #streams: StreamTable
  readonly #pings: PingLane
  readonly #resolveClosed: (reason: CloseReason) => void
  #state: 'handshaking' | 'open' | 'closing' | 'closed' = 'handshaking'
  #link: Link | null = null
  #isLinkGone = false
  #session: EngineSession | null = null
  #control: ControlLane | null = null
  #keepAlive: KeepAlive | null = null
  /** For the one deadline of the state: handshake, close, or the last word. */
  #timer: TimerHandle | null = null
  #peer: PeerIdentity | null = null
  #onClosed: ((reason: CloseReason) => void) | null = null
  #reason: CloseReason | null = null
  #closing: OrderlyClose | null = null
  /** What the peer said; the connection ends as soon as everything before it is delivered. */
  #farewell: CloseReason | null = null

  constructor(shared: ConnectionShared, options: ConnectionOptions) {
    const { settings, scheduler, counters } = shared
    this.#shared = shared
    this.role = options.role
    this.remote = options.remote
    this.admitted = options.admitted
    this.#expect = options.expect
    this.#peerWords = addressWords(options.remote)
    this.#startedMs = scheduler.nowMs()
    this.#pings = new PingLane(this.#peerWords)
    const { promise, resolve } = Promise.withResolvers<CloseReason>()
    this.closed = promise
    this.#resolveClosed = resolve
    this.#streams = new StreamTable({
      isDialer: options.role === 'dialer',
      streamBufferBytes: settings.streamBufferBytes,
      streamBufferBytesMax: settings.streamBufferBytesMax,
      streamsMax: settings.streamsMax,
      sendControl: (frame) => this.#control?.send(frame),
      onProgress: () => this.#closeStep(),
      onCallbackFailed: (error) => this.#callbackFailed(error),
      onViolation: (what) => this.#violated(what),
      onExhausted: () => this.abort(sessionEnded(this.#peerWords)),
      onRefused: () => {
        counters.refusedStreams += 1
      },
    })
    this.#setTimer(settings.connectTimeoutMs, () => {
      counters.handshakeTimeouts += 1
      this.abort(handshakeTimedOut(this.#peerWords, settings.connectTimeoutMs))
    })
  }

  get local(): HostPort {
    return this.#link?.local ?? { host: '', port: 0 }
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

  /** True once it was handed over. */
  get wasOpen(): boolean {
    return this.#keepAlive !== null
  }

  openStream(): ByteStream {
    if (this.#state !== 'open' || this.#farewell !== null) {
      throw new NodosumError(
        'ERR_NODOSUM_CONNECTION_LOST',
        `the connection to ${this.#peerWords} is closing or closed: dial again`,
      )
    }
    return this.#streams.open()
  }

  ping(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return this.#pings.ping(options.signal)
  }

  stats(): ConnectionStats {
    return {
      rttMs: this.#pings.rttMs,
      sentBytes: this.#link?.sentBytes ?? 0,
      sentPackets: 0,
      receivedBytes: this.#link?.receivedBytes ?? 0,
      lostPackets: 0,
      congestionWindowBytes: 0,
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
      Number.isInteger(code) && code >= 0 && code <= codeMax,
      'the code of close() must be an integer from 0 to 2^32-1',
    )
    if (this.#closing !== null) return this.#closing.done
    const done = this.closed.then(() => undefined)
    const close = closedByCaller(code, reason.reason ?? '')
    this.#closing = new OrderlyClose(done, close)
    if (this.#state === 'handshaking') {
      this.abort(close)
    } else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#streams.acceptsWrites = false
      this.#setTimer(this.#shared.settings.closeTimeoutMs, () => this.abort(close))
      this.#closeStep()
    }
    return done
  }

  /** Ends the connection now, without waiting for anything. */
  abort(close: LocalClose): void {
    if (this.#state === 'closed') return
    const { farewell, error } = close
    if (!this.#isLinkGone && this.#link !== null) {
      if (farewell === null) this.#link.destroy()
      else this.#say(this.#link, farewell)
    }
    const { code = 0, reason = '' } = farewell ?? {}
    this.#finish({ code, reason, remote: false, error })
  }

  linked(link: Link): void {
    this.#link = link
  }

  secured(proof: PeerProof): void {
    const link = this.#link
    if (this.#state !== 'handshaking' || link === null) return
    try {
      const { verifyPeer } = this.#shared
      const demands = { verifyPeer, expect: this.#expect, peer: this.#peerWords }
      this.#peer = checkPeer(proof, demands)
    } catch (error) {
      this.abort(peerRefused(error as NodosumError))
      return
    }
    const session = link.startSession(this)
    this.#session = session
    if (this.role === 'acceptor') return
    const control = session.request(controlPath)
    if (control === null) return
    this.#useControl(control)
    control.on('response', ({ ':status': status }) => {
      if (status === okStatus) this.#open(session)
      else this.abort(versionRefused(this.#peerWords, `its answer was ${status}`))
    })
  }

  requested(stream: RequestedStream, path: string): void {
    const session = this.#session
    if (session === null || this.#state === 'closed') return
    if (this.#state !== 'handshaking') {
      this.#streams.requested(stream, path)
    } else if (path !== controlPath) {
      this.abort(versionRefused(this.#peerWords, `it asked for ${JSON.stringify(path)}`))
    } else {
      stream.respond({ ':status': okStatus }, { sendDate: false })
      this.#useControl(stream)
      this.#open(session)
    }
  }

  farewell(opaque: Uint8Array | undefined): void {
    const said = opaque === undefined ? undefined : decodeFarewell(opaque)
    if (this.#state === 'closed') {
      // Both have said their last word, so nobody waits for the other to close the socket.
      if (said !== undefined) this.#session?.destroy()
      return
    }
    if (this.#farewell !== null) return
    if (said === undefined) {
      // No node says that while it lives: a failure of its HTTP/2, or somebody else's server.
      this.abort(sessionEnded(this.#peerWords))
      return
    }
    const { code, reason } = said
    const error = errorOfFarewell(said, this.#peerWords, errorCodeOfRefusal(said.code))
    this.#farewell = { code, reason, remote: true, error }
    this.#streams.acceptsWrites = false
    // What arrived before is in streams of Node: let them deliver, with the ends, and then end.
    setImmediate(() => {
      this.#streams.drain()
      setImmediate(() => this.#endAsPeerSaid())
    })
  }

  failed(error: Error): void {
    if (this.#farewell === null) this.abort(sessionFailed(this.#peerWords, error))
  }

  gone(error: Error | null): void {
    this.#isLinkGone = true
    if (this.#state === 'closed') this.#timer?.cancel()
    else if (this.#farewell === null) {
      this.abort(lost(this.#peerWords, this.#state === 'handshaking', error))
    }
    this.#shared.gone(this)
  }

  #open(session: EngineSession): void {
    if (this.#state !== 'handshaking') return
    const { scheduler, settings } = this.#shared
    this.#state = 'open'
    this.#clearTimer()
    this.#streams.use(session)
    this.#pings.use(session)
    this.#keepAlive = new KeepAlive({
      scheduler,
      keepAliveMs: settings.keepAliveMs,
      idleTimeoutMs: settings.idleTimeoutMs,
      receivedBytes: () => this.#link?.receivedBytes ?? 0,
      onQuiet: () => this.#pings.askForLife(),
      onSilent: () => this.abort(fellSilent(this.#peerWords, settings.idleTimeoutMs)),
    })
    this.#streams.deliver(this.#shared.opened, this as H2Connection)
  }

  #useControl(stream: EngineStream): void {
    this.#control = new ControlLane(stream, {
      onFrame: (frame) => {
        if (this.#state === 'open' || this.#state === 'closing') this.#streams.controlled(frame)
      },
      onBroken: (why) => {
        if (this.#state === 'open' || this.#state === 'closing') this.#controlBroken(why)
      },
    })
  }

  /** The end of the control stream is often only the first sign of the end of everything. */
  #controlBroken(why: string): void {
    setImmediate(() => {
      if (!this.#isLinkGone && this.#farewell === null) this.#violated(why)
    })
  }

  #closeStep(): void {
    const closing = this.#closing
    if (this.#state !== 'closing' || closing === null) return
    closing.step(this.#session, this.#streams.isFlushed, () => this.abort(closing.close))
  }

  #endAsPeerSaid(): void {
    const farewell = this.#farewell
    if (farewell === null || this.#state === 'closed') return
    this.#finish(farewell)
    this.#session?.destroy()
  }

  #say(link: Link, farewell: Farewell): void {
    if (this.#session !== null) this.#session.goaway(encodeFarewell(farewell))
    else if (farewell.kind === 'refusal') link.refuse(encodeRefusal(this.role, farewell))
    else link.destroy()
  }

  /** The socket stays until the peer closes it: closing first could overtake the last word. */
  #linger(): void {
    if (this.#isLinkGone) return
    this.#setTimer(lingerMs, () => {
      this.#session?.destroy()
      this.#link?.destroy()
    })
  }

  #violated(what: string): void {
    if (this.#state === 'closed') return
    this.#shared.counters.violations += 1
    this.abort(violated(this.#peerWords, what))
  }

  #callbackFailed(error: unknown): void {
    const { logger } = this.#shared
    const fields = { event: 'connection.callback_failed', remote: this.#peerWords, err: error }
    logger.error(fields, 'a callback of the application threw')
    this.abort(callbackFailed(this.#peerWords, error))
  }

  #finish(reason: CloseReason): void {
    this.#state = 'closed'
    this.#reason = reason
    this.#clearTimer()
    this.#keepAlive?.stop()
    this.#linger()
    this.#pings.close()
    this.#streams.dieAll(reason.code)
    this.#shared.closed(this, reason)
    this.#resolveClosed(reason)
    const callback = this.#onClosed
    if (callback !== null) this.#streams.deliver(callback, reason)
  }

  #setTimer(delayMs: number, run: () => void): void {
    this.#clearTimer()
    this.#timer = this.#shared.scheduler.after(delayMs, run)
  }

  #clearTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
