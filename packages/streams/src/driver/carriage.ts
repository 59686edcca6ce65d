import type { NodeId } from '@nodosum/kernel'
import type { Attached, Inlet } from '../core/inlet.ts'
import type { SessionCore } from '../core/session-core.ts'
import type { Reaped, SessionEffect } from '../core/session-shapes.ts'
import type { ByteStream, Connection, ConnectionCloseReason } from '../ports.ts'
import type { Established } from './handshake.ts'

/** Resets a lane that a node does not take in: "LANE", which no connection closes with. */
const laneRefusedCode = 0x4c41_4e45

/** Resets a byte stream on which no lane has begun in time: "HALF". */
const halfOpenCode = 0x4841_4c46

/** What a carriage needs of the session that it carries. */
export interface CarriageHost {
  /** Something arrived. */
  received(): void
  /** There is room again for what waits. */
  writable(): void
  lost(carriage: Carriage, reason: ConnectionCloseReason): void
}

type Write = Extract<SessionEffect, { kind: 'write' }>

/** One connection that carries a session, or did until another one took over. */
export class Carriage {
  readonly connection: Connection
  readonly dialer: NodeId
  readonly attachment: number
  /** Who the certificate names. */
  readonly uri: string
  readonly attached: Attached
  readonly #core: SessionCore
  readonly #host: CarriageHost
  readonly #streams = new Map<number, ByteStream>()
  /** Byte streams of the peer's lanes, and since when nothing is known of them. */
  readonly #listening = new Map<ByteStream, { inlet: Inlet; sinceMs: number | null }>()
  #writtenBytes = 0
  #isOver = false

  constructor(established: Established, core: SessionCore, host: CarriageHost) {
    const { connection } = established
    this.connection = connection
    this.dialer = established.dialer
    this.attachment = established.attachment
    this.uri = connection.peer.uri
    this.#core = core
    this.#host = host
    this.attached = core.attach(established.attachment)
  }

  /** Takes what has arrived and what will. */
  start({ connection, controlBytes, takeEarly }: Established): void {
    const core = this.#core
    this.#own(0, controlBytes)
    this.#listen(controlBytes, core.controlInlet(this.attached), takeEarly())
    controlBytes.onEnd = () => this.close('the control stream ended')
    connection.onStream = (bytes) => this.#accept(bytes)
    connection.onClosed = (reason) => this.#over(reason)
  }

  /** Bytes that were given to the connection and have not left. */
  get waitingBytes(): number {
    let sum = 0
    for (const stream of this.#streams.values()) sum += stream.bufferedBytes
    return sum
  }

  /** Bytes that have left; it only grows. */
  get movedBytes(): number {
    return this.#writtenBytes - this.waitingBytes
  }

  /** A lane leaves over this byte stream, which the connection has opened. */
  carry(stream: number, bytes: ByteStream): void {
    this.#own(stream, bytes)
    bytes.onReset = (code) => {
      if (this.#isOver || this.attached.isFenced) return
      if (code !== laneRefusedCode) return this.close(`a lane was reset with code ${code}`)
      // REFUSE says why, on the control stream.
      this.#streams.delete(stream)
      this.#core.blocked(stream)
    }
  }

  /** A lane is closed: nothing more goes over its byte stream. */
  end(stream: number): void {
    const bytes = this.#streams.get(stream)
    if (bytes === undefined) return
    this.#streams.delete(stream)
    bytes.onWritable = null
    // Its other direction has to be read to its end.
    bytes.onData = () => undefined
    bytes.end()
  }

  /** Gives up byte streams on which no lane has begun in time, and those of lanes nobody takes. */
  sweep(nowMs: number, halfOpenMs: number): Reaped[] {
    const reaped: Reaped[] = []
    for (const [bytes, listening] of this.#listening) {
      const { inlet } = listening
      listening.sinceMs ??= nowMs
      if (inlet.isRefused) this.#giveUp(bytes, laneRefusedCode)
      else if (inlet.stream === null && nowMs - listening.sinceMs >= halfOpenMs) {
        this.#giveUp(bytes, halfOpenCode)
        const why = 'no lane has begun on it'
        reaped.push({ kind: 'byte stream', name: `byte stream ${bytes.id}`, why })
      }
    }
    return reaped
  }

  /** @throws what the connection says when it opens no stream */
  write({ stream, bytes, tail }: Write): void {
    let target = this.#streams.get(stream)
    if (target === undefined) {
      target = this.connection.openStream()
      this.carry(stream, target)
    }
    let isTaken = target.write(bytes)
    this.#writtenBytes += bytes.length
    if (tail !== null) {
      isTaken = target.write(tail)
      this.#writtenBytes += tail.length
    }
    if (!isTaken) this.#core.blocked(stream)
  }

  /** Closes the connection; the session does without. */
  close(reason: string): void {
    void this.connection.close({ reason })
    this.#over({ code: 0, reason, remote: false, error: null })
  }

  /** Hands what waits to the peer and closes the connection; nothing is heard of it any more. */
  async leave(reason: string): Promise<void> {
    this.#isOver = true
    this.connection.onStream = null
    this.connection.onClosed = null
    await this.connection.close({ reason })
  }

  #own(stream: number, bytes: ByteStream): void {
    this.#streams.set(stream, bytes)
    bytes.onWritable = () => {
      if (this.#isOver || this.attached.isFenced) return
      this.#core.writable(stream)
      this.#host.writable()
    }
  }

  /** The peer opens a lane, or one goes on. */
  #accept(bytes: ByteStream): void {
    const inlet = this.#core.inlet(this.attached)
    this.#listening.set(bytes, { inlet, sinceMs: null })
    bytes.onEnd = () => {
      this.#listening.delete(bytes)
      bytes.end()
    }
    bytes.onReset = () => this.#listening.delete(bytes)
    this.#listen(bytes, inlet, [])
  }

  #giveUp(bytes: ByteStream, code: number): void {
    this.#listening.delete(bytes)
    bytes.reset(code)
  }

  #listen(bytes: ByteStream, inlet: Inlet, early: readonly Uint8Array[]): void {
    const host = this.#host
    bytes.onData = (chunk) => {
      inlet.push(chunk)
      if (inlet.isRefused) this.#giveUp(bytes, laneRefusedCode)
      host.received()
    }
    for (const chunk of early) inlet.push(chunk)
    if (early.length > 0) host.received()
  }

  #over(reason: ConnectionCloseReason): void {
    if (this.#isOver) return
    this.#isOver = true
    this.connection.onStream = null
    this.connection.onClosed = null
    this.#host.lost(this, reason)
  }
}
