import type { NodeId } from '@nodosum/kernel'
import type { Attached, Inlet } from '../core/inlet.ts'
import type { SessionCore } from '../core/session-core.ts'
import type { SessionEffect } from '../core/session-shapes.ts'
import type { ByteStream, Connection, ConnectionCloseReason } from '../ports.ts'
import type { Established } from './handshake.ts'

/** Resets a lane that a node does not take in: "LANE", which no connection closes with. */
const laneRefusedCode = 0x4c41_4e45

/** What a carriage needs of the session that it carries. */
export interface CarriageHost {
  /** Something arrived. */
  received(): void
  /** There is room again for what waits. */
  writable(): void
  /** The peer does not take a lane. */
  refused(carriage: Carriage, stream: number): void
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
    connection.onStream = (bytes) => this.#listen(bytes, core.inlet(this.attached), [])
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
      if (code === laneRefusedCode) this.#host.refused(this, stream)
      else this.close(`a lane was reset with code ${code}`)
    }
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

  #listen(bytes: ByteStream, inlet: Inlet, early: readonly Uint8Array[]): void {
    const host = this.#host
    bytes.onData = (chunk) => {
      inlet.push(chunk)
      if (inlet.isRefused) bytes.reset(laneRefusedCode)
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
