import type { CloseReason } from '@nodosum/transport'
import type { EngineConnection } from '../ports.ts'
import { ClosePacket } from './close-packet.ts'
import { type LocalClose, lingerFor } from './close-reason.ts'
import { OrderlyClose } from './orderly-close.ts'
import type { Outlet } from './outlet.ts'
import type { PacketSender } from './packet-sender.ts'

/** What an ending needs of its connection. */
export interface ConnectionEndingOptions {
  readonly engine: EngineConnection
  readonly role: 'dialer' | 'acceptor'
  readonly sender: PacketSender
  readonly outlet: Outlet
  /** Calls a callback of the application. */
  readonly deliver: (callback: (reason: CloseReason) => void, reason: CloseReason) => void
}

/** A peer that is silent asks for nothing: it is told again at these parts of the lingering time. */
const repeatedAt = [1 / 8, 1 / 4, 1 / 2]

/** How a connection ends, and who hears of it. */
export class ConnectionEnding {
  readonly closed: Promise<CloseReason>
  /** An orderly close under way. */
  orderly: OrderlyClose | null = null
  readonly #options: ConnectionEndingOptions
  readonly #resolve: (reason: CloseReason) => void
  #onClosed: ((reason: CloseReason) => void) | null = null
  #reason: CloseReason | null = null
  #lastWords: ClosePacket | null = null
  /** When the last words are said again; the last of these times is the end of it. */
  #afterwardsMs: number[] = []

  constructor(options: ConnectionEndingOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<CloseReason>()
    this.closed = promise
    this.#resolve = resolve
  }

  get onClosed(): ((reason: CloseReason) => void) | null {
    return this.#onClosed
  }

  set onClosed(callback: ((reason: CloseReason) => void) | null) {
    this.#onClosed = callback
    if (callback !== null && this.#reason !== null) this.#options.deliver(callback, this.#reason)
  }

  get deadlineMs(): number {
    return this.orderly?.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  /** Begins an orderly close; `end` is what it will say. */
  begin(end: LocalClose, times: { deadlineMs: number; idleTimeoutMs: number }): OrderlyClose {
    const done = this.closed.then(() => undefined)
    this.orderly = new OrderlyClose(end, { engine: this.#options.engine, done, ...times })
    return this.orderly
  }

  /**
   * Closes the engine and tells the peer.
   *
   * @param isRefusal the handshake ends with it
   * @returns when `linger` is to be called; null when there is no need
   */
  tell(end: LocalClose, isRefusal: boolean, nowMs: number): number | null {
    const { engine, role, sender, outlet } = this.#options
    this.#lastWords = ClosePacket.closing(engine, { end, isRefusal, sender, outlet })
    if (this.#lastWords === null) return null
    this.#lastWords.send()
    const lingerMs = lingerFor(this.#rttMs(), isRefusal && role === 'dialer')
    this.#afterwardsMs = [...repeatedAt, 1].map((part) => nowMs + part * lingerMs)
    return this.#afterwardsMs[0] ?? null
  }

  /** The peer has closed, and may say so again: until then its packets are expected. */
  hear(nowMs: number): number {
    return nowMs + 2 * lingerFor(this.#rttMs(), false)
  }

  /** Says the last words again, as far as it is time; null when that is over. */
  linger(nowMs: number): number | null {
    while ((this.#afterwardsMs[0] ?? Number.POSITIVE_INFINITY) <= nowMs) this.#afterwardsMs.shift()
    const [nextMs] = this.#afterwardsMs
    if (nextMs === undefined) return null
    this.#lastWords?.repeat()
    return nextMs
  }

  /** A packet came after the end: the peer has not heard of it. */
  answerLate(): void {
    this.#lastWords?.answerLate()
  }

  finish(reason: CloseReason): void {
    this.#reason = reason
    this.#resolve(reason)
    if (this.#onClosed !== null) this.#options.deliver(this.#onClosed, reason)
  }

  #rttMs(): number {
    return this.#options.engine.pathStats()[0]?.rtt ?? 0
  }
}
