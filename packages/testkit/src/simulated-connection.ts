import {
  type AbortSignal,
  invariant,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'
import { callbackFailedCode, checkCode, cutReason, violationCode } from './close-codes.ts'
import {
  asksForAck,
  type LinkEnd,
  type Segment,
  type SimulatedLink,
  sizeOf,
} from './simulated-link.ts'
import { SimulatedPings } from './simulated-pings.ts'
import { SimulatedStreams } from './simulated-streams.ts'
import type {
  ByteStream,
  CloseReason,
  Connection,
  ConnectionSnapshot,
  ConnectionStats,
  HostPort,
  PeerIdentity,
  TransportLimits,
} from './transport-shapes.ts'

/** What all connections of a simulated transport share. */
export interface ConnectionShared {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly limits: TransportLimits
  readonly protocol: string
  readonly chain: readonly Uint8Array[]
  /** Throws a coded error for a chain that is not good enough. */
  readonly check: (chain: readonly Uint8Array[], expect: NodeId | undefined) => PeerIdentity
  readonly opened: (connection: SimulatedConnection) => void
  readonly ended: (connection: SimulatedConnection, reason: CloseReason) => void
}

/** One end of one connection. */
export interface ConnectionPlace {
  readonly role: 'dialer' | 'acceptor'
  readonly link: SimulatedLink
  readonly local: HostPort
  readonly remote: HostPort
  readonly expect?: NodeId | undefined
}

interface LocalEnd {
  readonly code: number
  readonly reason: string
  readonly error: NodosumError | null
}

type Handshake = Extract<Segment, { readonly kind: 'hello' | 'welcome' | 'finish' }>

/** Segments of streams that overtook the end of the handshake. */
const earlyMax = 65_536

/** A connection of the transport contract in simulated time. */
export class SimulatedConnection implements Connection, LinkEnd {
  readonly kind = 'simulated'
  readonly role: 'dialer' | 'acceptor'
  readonly local: HostPort
  readonly remote: HostPort
  readonly closed: Promise<CloseReason>
  readonly #shared: ConnectionShared
  readonly #place: ConnectionPlace
  readonly #side: 0 | 1
  readonly #peerWords: string
  readonly #streams: SimulatedStreams
  readonly #pings: SimulatedPings
  readonly #startedMs: number
  readonly #resolveClosed: (reason: CloseReason) => void
  readonly #timers = new Set<TimerHandle>()
  #state: 'handshaking' | 'open' | 'closing' | 'closed' = 'handshaking'
  #peer: PeerIdentity | null = null
  #reason: CloseReason | null = null
  #onClosed: ((reason: CloseReason) => void) | null = null
  #isTurnDue = false
  #early: Segment[] = []
  #idleTimeoutMs: number
  #lastReceivedMs: number
  #unacked = 0
  #closing: { readonly done: Promise<void>; readonly end: LocalEnd } | null = null
  readonly #traffic = { rttMs: 0, sentBytes: 0, sentPackets: 0, receivedBytes: 0, lostPackets: 0 }

  constructor(shared: ConnectionShared, place: ConnectionPlace) {
    const { scheduler, limits, random } = shared
    this.#shared = shared
    this.#place = place
    this.role = place.role
    this.local = place.local
    this.remote = place.remote
    this.#peerWords = `${place.remote.host}:${place.remote.port}`
    this.#side = place.role === 'dialer' ? 0 : 1
    this.#startedMs = scheduler.nowMs()
    this.#lastReceivedMs = this.#startedMs
    this.#idleTimeoutMs = limits.idleTimeoutMs
    const { promise, resolve } = Promise.withResolvers<CloseReason>()
    this.closed = promise
    this.#resolveClosed = resolve
    this.#pings = new SimulatedPings(
      (number) => this.#send({ kind: 'ping', number }),
      () => scheduler.nowMs(),
    )
    this.#streams = new SimulatedStreams({
      isDialer: place.role === 'dialer',
      limits,
      random,
      segmentBytesMax: () => place.link.quality.segmentBytesMax,
      send: (segment) => this.#send(segment),
      schedule: () => this.#schedule(),
      onCallbackFailed: (error) => this.#callbackFailed(error),
    })
    place.link.attach(this.#side, this)
    this.#after(limits.connectTimeoutMs, () => this.#handshakeTimedOut())
    if (place.role === 'dialer') this.#send(this.#handshake('hello'))
  }

  get peer(): PeerIdentity {
    invariant(this.#peer !== null, 'a connection is handed over after its peer is known')
    return this.#peer
  }

  get isHandshaking(): boolean {
    return this.#state === 'handshaking'
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

  openStream(): ByteStream {
    if (this.#state !== 'open') throw this.#lost(`is ${this.#state}: dial again`)
    return this.#streams.open()
  }

  ping(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (this.#state === 'open') return this.#pings.ping(options.signal)
    return Promise.reject(this.#lost(`is ${this.#state}: dial again`))
  }

  stats(): ConnectionStats {
    return {
      ...this.#traffic,
      congestionWindowBytes: 0,
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
    const code = reason.code ?? 0
    checkCode(code)
    if (this.#closing !== null) return this.#closing.done
    const done = this.closed.then(() => undefined)
    const end: LocalEnd = { code, reason: cutReason(reason.reason ?? ''), error: null }
    this.#closing = { done, end }
    if (this.#state === 'handshaking') this.abort(end)
    else if (this.#state === 'open') {
      this.#state = 'closing'
      this.#streams.acceptsWrites = false
      this.#after(this.#shared.limits.closeTimeoutMs, () => this.abort(end))
      this.#schedule()
    }
    return done
  }

  /** Ends it now, and tells the peer. */
  abort(end: LocalEnd): void {
    if (this.#state === 'closed') return
    this.#send({ kind: 'close', code: end.code, reason: end.reason })
    this.#finish({ ...end, remote: false })
  }

  /** Nothing of it runs any more, and nobody is told. */
  kill(): void {
    this.#state = 'closed'
    for (const timer of this.#timers) timer.cancel()
    this.#place.link.attach(this.#side, null)
  }

  receive(segment: Segment, sentMs: number): void {
    if (this.#state === 'closed') return
    this.#lastReceivedMs = this.#shared.scheduler.nowMs()
    this.#traffic.receivedBytes += sizeOf(segment)
    switch (segment.kind) {
      case 'hello':
      case 'welcome':
      case 'finish':
        this.#shakeHands(segment)
        return
      case 'refuse': {
        const words = `${this.#peerWords} refused this node: ${segment.words}`
        const error = new NodosumError(segment.code, words)
        this.#finish({ code: 0, reason: segment.words, remote: true, error })
        return
      }
      case 'close':
        this.#closedByPeer(segment.code, segment.reason)
        return
      case 'noise':
        return
    }
    if (asksForAck(segment)) this.#send({ kind: 'ack', sentMs })
    if (this.#state !== 'handshaking') this.#receiveOpen(segment)
    else if (this.#early.length < earlyMax) this.#early.push(segment)
  }

  broken(): void {
    this.#finish({ code: 0, reason: '', remote: false, error: this.#lost('broke on its way') })
  }

  #receiveOpen(segment: Segment): void {
    if (this.#state === 'closed') return
    switch (segment.kind) {
      case 'ack':
        this.#unacked -= 1
        this.#traffic.rttMs = this.#shared.scheduler.nowMs() - segment.sentMs
        this.#closeStep()
        return
      case 'ping':
        this.#send({ kind: 'pong', number: segment.number })
        return
      case 'pong':
        this.#pings.answer(segment.number)
        return
      case 'data':
      case 'end':
      case 'reset':
      case 'credit': {
        const violation = this.#streams.receive(segment)
        if (violation === null) return
        const error = this.#lost(`was closed: ${violation}`)
        this.abort({ code: violationCode, reason: violation, error })
      }
    }
  }

  #shakeHands(segment: Handshake): void {
    const expected = this.role === 'dialer' ? 'welcome' : this.#peer === null ? segment.kind : ''
    if (this.#state !== 'handshaking' || segment.kind !== expected) return
    const { protocol, check } = this.#shared
    try {
      if (segment.protocol !== protocol) {
        throw new NodosumError(
          'ERR_NODOSUM_VERSION_INCOMPATIBLE',
          `${segment.protocol} and ${protocol} have no version in common`,
        )
      }
      if (segment.kind === 'hello') {
        this.#send(this.#handshake('welcome'))
        return
      }
      this.#peer = check(segment.chain, this.#place.expect)
    } catch (error) {
      const { code, message } = error as NodosumError
      this.#send({ kind: 'refuse', code, words: message })
      this.#finish({ code: 0, reason: message, remote: false, error: error as NodosumError })
      return
    }
    if (segment.kind === 'welcome') this.#send(this.#handshake('finish'))
    this.#open(segment)
  }

  #open(segment: Handshake): void {
    this.#state = 'open'
    this.#streams.peerWindowBytes = segment.windowBytes
    this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, segment.idleTimeoutMs)
    this.#keepHouse()
    this.#streams.deliver(this.#shared.opened, this as SimulatedConnection)
    for (const early of this.#early.splice(0)) this.#receiveOpen(early)
  }

  /** Silence gets a sign of life; too much of it is the end. */
  #keepHouse(): void {
    const { limits, scheduler } = this.#shared
    const silentMs = scheduler.nowMs() - this.#lastReceivedMs
    if (silentMs >= this.#idleTimeoutMs) {
      const error = this.#lost(`was silent for ${this.#idleTimeoutMs} ms`)
      this.#finish({ code: 0, reason: '', remote: false, error })
      return
    }
    if (silentMs >= limits.keepAliveMs / 2) this.#send({ kind: 'alive' })
    // At least 1 ms: what rounding leaves of a time span would not move the clock.
    const nextMs = Math.max(1, Math.min(limits.keepAliveMs, this.#idleTimeoutMs - silentMs))
    this.#after(nextMs, () => this.#keepHouse())
  }

  #schedule(): void {
    if (this.#isTurnDue || this.#state === 'closed' || this.#state === 'handshaking') return
    this.#isTurnDue = true
    this.#after(0, () => {
      this.#isTurnDue = false
      if (!this.#streams.turn()) this.#schedule()
      this.#closeStep()
    })
  }

  #closeStep(): void {
    if (this.#state !== 'closing' || this.#unacked > 0 || !this.#streams.isFlushed) return
    if (this.#closing !== null) this.abort(this.#closing.end)
  }

  #closedByPeer(code: number, reason: string): void {
    this.#streams.deliverAll()
    const said = reason === '' ? '' : `: ${reason}`
    const error = code === 0 ? null : this.#lost(`was closed by it with code ${code}${said}`)
    this.#finish({ code, reason, remote: true, error })
  }

  #handshakeTimedOut(): void {
    if (this.#state !== 'handshaking') return
    const { connectTimeoutMs } = this.#shared.limits
    const message = `no handshake with ${this.#peerWords} within ${connectTimeoutMs} ms`
    const error = new NodosumError('ERR_NODOSUM_CONNECT_TIMEOUT', message)
    this.abort({ code: 0, reason: '', error })
  }

  #callbackFailed(cause: unknown): void {
    const error = this.#lost('was closed: a callback threw', { cause })
    this.abort({ code: callbackFailedCode, reason: '', error })
  }

  #finish(reason: CloseReason): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#reason = reason
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#place.link.attach(this.#side, null)
    this.#pings.close(this.#lost('ended before the answer to a ping'))
    this.#streams.dieAll(reason.code)
    this.#shared.ended(this, reason)
    this.#resolveClosed(reason)
    if (this.#onClosed !== null) this.#streams.deliver(this.#onClosed, reason)
  }

  #send(segment: Segment): void {
    if (this.#state === 'closed') return
    if (asksForAck(segment)) this.#unacked += 1
    this.#traffic.sentBytes += sizeOf(segment)
    this.#traffic.sentPackets += 1
    this.#traffic.lostPackets += this.#place.link.send(this.#side, segment)
  }

  #handshake(kind: Handshake['kind']): Segment {
    const { protocol, chain, limits } = this.#shared
    const { idleTimeoutMs, streamWindowBytes } = limits
    return { kind, protocol, chain, idleTimeoutMs, windowBytes: streamWindowBytes }
  }

  #after(delayMs: number, run: () => void): void {
    const timer = this.#shared.scheduler.after(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  #lost(what: string, options: { readonly cause?: unknown } = {}): NodosumError {
    const message = `the connection to ${this.#peerWords} ${what}`
    return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, options)
  }
}
