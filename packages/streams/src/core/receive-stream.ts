import { ByteReader } from '@nodosum/kernel'
import { frameFlag, isSessionFrame, mustUnderstand } from '../wire/frame.ts'
import type { FrameDecoder } from '../wire/frame-decoder.ts'
import type { LaneRefusal } from '../wire/lane-end.ts'
import type { LaneClass, LaneKind, Open } from '../wire/open.ts'
import type { ReceiveWindow } from './receive-window.ts'
import type { SessionRules } from './rules.ts'

/** Takes the messages of one incoming lane; `bytes` from `start` to `end` stays valid. */
export interface LaneReceiver {
  frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void
  /** The sender has closed the lane, after everything that it sent; the session goes on. */
  ended?(): void
  /** The session is over. */
  closed(): void
}

/** What a receiving stream needs of the session around it. */
export interface ReceiveHost {
  /** Something was handed on, so that an acknowledgement is due. */
  handedOn(stream: ReceiveStream): void
  /** Something came on a lane that nobody takes any more. */
  orphaned(stream: ReceiveStream): void
  /** A frame of the session itself on the control stream; returns what is wrong with it, or null. */
  sessionFrame(type: number, bytes: Uint8Array, start: number, end: number): string | null
}

/**
 * The receiving end of one stream. It takes frames in their order, whatever connection they came
 * over, and acknowledges what it has handed on.
 */
export class ReceiveStream {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  /** How its sender ranks it. */
  readonly laneClass: LaneClass
  /** Who takes its messages. Set to null when nobody does any more: the lane is then refused. */
  receiver: LaneReceiver | null = null
  /** Why a lane is refused whose receiver stays null. */
  refusal: LaneRefusal | null = null
  /** Cuts the bytes of the connection that carries the session now; null between two of them. */
  decoder: FrameDecoder | null = null
  /** Bytes of all frames that were handed on. */
  handedOnBytes = 0
  /** Of those, what was not acknowledged. */
  unacknowledgedBytes = 0
  /** The sender waits for room. */
  isAsked = false
  /** Stands in the list of streams to be acknowledged. */
  isListed = false
  /** Up to which offset the sender knows that frames may start. */
  grantedBytes: number
  #expected = 1
  #number = 0
  #isPaused = false
  #assembled: Uint8Array | null = null
  #assembledBytes = 0
  /** Null for the control stream, which has no limit. */
  readonly #window: ReceiveWindow | null
  readonly #messageBytesMax: number
  readonly #rules: SessionRules
  readonly #host: ReceiveHost

  constructor(options: {
    open: Open
    window: ReceiveWindow | null
    messageBytesMax: number
    rules: SessionRules
    host: ReceiveHost
  }) {
    const { open } = options
    this.stream = open.stream
    this.kind = open.kind
    this.application = open.application
    this.name = open.name
    this.laneClass = open.laneClass
    this.#window = options.window
    this.grantedBytes = this.#windowBytes
    this.#messageBytesMax = options.messageBytesMax
    this.#rules = options.rules
    this.#host = options.host
  }

  /** The number of the last message; 0 before the first. OPEN is the first of every lane. */
  get sequence(): number {
    return this.#number
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The sequence that has to come next. */
  get expected(): number {
    return this.#expected
  }

  /** Bytes that wait here: in front of a pause, or as parts of a message. */
  get heldBytes(): number {
    return (this.decoder?.heldBytes ?? 0) + this.#assembledBytes
  }

  /** What the sender may start before it hears more. */
  get creditBytes(): number {
    return Math.max(0, this.grantedBytes - this.handedOnBytes)
  }

  /** Where the sender has to stop until it hears more. */
  get creditLimit(): number {
    return this.#rules.creditLimit(this.handedOnBytes, this.#windowBytes)
  }

  get #windowBytes(): number {
    return this.#window?.bytes ?? 0
  }

  /** Stops messages at once and, once the credit is used up, the sender. */
  pause(): void {
    this.#isPaused = true
    this.decoder?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.decoder?.resume()
    this.#host.handedOn(this)
  }

  /** Takes one frame; returns what is wrong with it, null for nothing. */
  take(
    type: number,
    flags: number,
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    frameBytes: number,
  ): string | null {
    if (this.receiver === null) {
      this.#host.orphaned(this)
      return null
    }
    if (!this.#rules.isNext(this.#expected, sequence)) {
      return `frame ${sequence} of ${this.#words} came where ${this.#expected} was due`
    }
    this.#expected = sequence + 1
    this.handedOnBytes += frameBytes
    this.unacknowledgedBytes += frameBytes
    if ((flags & frameFlag.acknowledgeNow) !== 0) this.isAsked = true
    if ((flags & frameFlag.more) !== 0 || this.#assembled !== null) {
      return this.#assemble(type, flags, bytes, start, end)
    }
    return this.#handOn(type, bytes, start, end)
  }

  /** Takes nothing more: its sender has closed it, so that whatever comes is a mistake. */
  close(): void {
    this.release()
    this.#expected = 0
    this.#isPaused = false
    this.decoder?.resume()
    this.decoder = null
  }

  /** What was handed on is acknowledged. */
  acknowledged(nowMs: number): void {
    this.#window?.used(this.unacknowledgedBytes, nowMs)
    this.unacknowledgedBytes = 0
    this.isAsked = false
    this.isListed = false
    this.grantedBytes = Math.max(this.grantedBytes, this.creditLimit)
  }

  /** The session is over. */
  end(): void {
    this.#window?.close('over')
    this.receiver?.closed()
  }

  /** Nobody takes its messages: what it was granted is given back. */
  release(): void {
    this.#window?.close('closed')
  }

  #handOn(type: number, bytes: Uint8Array, start: number, end: number): string | null {
    this.#number += 1
    if (!isSessionFrame(type)) this.receiver?.frame(type, this.#number, bytes, start, end)
    else if (this.stream === 0) return this.#host.sessionFrame(type, bytes, start, end)
    else if (mustUnderstand(type) && this.#number > 1) {
      return `frame type ${type} of ${this.#words} is unknown`
    }
    return null
  }

  /** Parts of a message that is larger than a frame; its length comes with the first. */
  #assemble(
    type: number,
    flags: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): string | null {
    let at = start
    if (this.#assembled === null) {
      const reader = new ByteReader(bytes, start, end)
      const length = reader.varint()
      if (reader.failed || length > this.#messageBytesMax) {
        return `a message of ${length} bytes on ${this.#words} is too long`
      }
      at = reader.offset
      this.#assembled = new Uint8Array(length)
      this.#window?.assembles(length)
    }
    const message = this.#assembled
    const part = end - at
    const isLast = (flags & frameFlag.more) === 0
    const whole = this.#assembledBytes + part
    if (whole > message.length || isLast !== (whole === message.length)) {
      return `the parts of a message on ${this.#words} do not add up`
    }
    message.set(bytes.subarray(at, end), this.#assembledBytes)
    this.#assembledBytes = whole
    if (!isLast) return null
    this.#assembled = null
    this.#assembledBytes = 0
    this.#window?.assembles(0)
    return this.#handOn(type, message, 0, message.length)
  }

  get #words(): string {
    return this.stream === 0 ? 'the control stream' : `lane ${this.application}/${this.name}`
  }
}
