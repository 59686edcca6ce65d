import { varintLength, writeVarint } from '@nodosum/kernel'
import type { Session } from '../ports.ts'
import { encodeFailure, type Failure, messageFrame } from '../wire/message-frames.ts'

/** Frames on the control stream about a frame of a lane; nothing when the session is over. */
export class ControlWriter {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  reply(stream: number, sequence: number, cbor: boolean, bytes: Uint8Array): void {
    if (this.#session.closed) return
    const length = varintLength(stream) + varintLength(sequence) + 1 + bytes.length
    let at = this.#session.controlFrame(messageFrame.reply, length)
    const { buffer } = this.#session.control
    at = writeVarint(buffer, writeVarint(buffer, at, stream), sequence)
    buffer[at] = cbor ? 1 : 0
    buffer.set(bytes, at + 1)
  }

  /** STARTED, or HANDLED without a failure. */
  mark(type: number, stream: number, sequence: number): void {
    if (this.#session.closed) return
    const length = varintLength(stream) + varintLength(sequence)
    const at = this.#session.controlFrame(type, length)
    const { buffer } = this.#session.control
    writeVarint(buffer, writeVarint(buffer, at, stream), sequence)
  }

  /** FAILURE, REFUSED, or HANDLED with a failure. */
  failure(type: number, stream: number, sequence: number, failure: Failure): void {
    if (this.#session.closed) return
    const body = encodeFailure({ stream, sequence }, failure)
    const at = this.#session.controlFrame(type, body.length)
    this.#session.control.buffer.set(body, at)
  }
}
