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
   * @returns for how long the peer is told again when it still talks; null when there is no need
   */
  tell(end: LocalClose, isRefusal: boolean): number | null {
    const { engine, role, sender, outlet } = this.#options
    this.#lastWords = ClosePacket.closing(engine, { end, isRefusal, sender, outlet })
    if (this.#lastWords === null) return null
    this.#lastWords.send()
    const rttMs = engine.pathStats()[0]?.rtt ?? 0
    return lingerFor(rttMs, isRefusal && role === 'dialer')
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
}
