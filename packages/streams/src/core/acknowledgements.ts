import { connectionFrame, frameType } from '../wire/frame.ts'
import { encodeAcknowledgement, encodeProgress } from '../wire/progress.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { SessionRules } from './rules.ts'
import type { SessionLimits } from './session-shapes.ts'

/**
 * When what was handed on is acknowledged: at once after enough bytes or when the sender waits for
 * room, else a moment later, for all streams together.
 */
export class Acknowledgements {
  /** One is to leave as soon as the control stream takes it. */
  isDue = false
  /** When one is due at the latest; null while nothing is to be acknowledged. */
  atMs: number | null = null
  #streams: ReceiveStream[] = []
  /** Bytes of lanes that have come over the connection there is now, and how many of them it was told. */
  #arrivedBytes = 0
  #toldBytes = 0
  #nowMs = Number.NEGATIVE_INFINITY
  readonly #rules: SessionRules
  readonly #atOnceBytes: number
  readonly #withinMs: number

  constructor(rules: SessionRules, limits: SessionLimits) {
    this.#rules = rules
    this.#atOnceBytes = limits.acknowledgeBytes
    this.#withinMs = limits.acknowledgeWithinMs
  }

  /** Whether the peer knows of everything that it may forget. */
  get isEmpty(): boolean {
    return this.#streams.length === 0
  }

  /** Whether the session has to look at this at the end of the turn. */
  handedOn(stream: ReceiveStream): boolean {
    const { unacknowledgedBytes, isAsked } = stream
    if (unacknowledgedBytes === 0 && !isAsked) return false
    if (!stream.isListed) {
      stream.isListed = true
      this.#streams.push(stream)
    }
    if (this.isDue) return false
    if (isAsked || this.#rules.acknowledgesAtOnce(unacknowledgedBytes, this.#atOnceBytes)) {
      this.isDue = true
      return true
    }
    return this.atMs === null
  }

  /** So many bytes have come over this connection. Whether one became due. */
  arrived(bytes: number): boolean {
    this.#arrivedBytes = bytes
    const fresh = bytes - this.#toldBytes
    if (this.isDue || !this.#rules.acknowledgesAtOnce(fresh, this.#atOnceBytes)) return false
    this.isDue = true
    return true
  }

  /** The end of a turn. */
  turn(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.isEmpty || this.isDue) return
    this.atMs ??= this.#rules.acknowledgeBy(nowMs, this.#withinMs)
  }

  /** Whether one became due by the time that it is. */
  advance(nowMs: number): boolean {
    if (this.atMs === null || nowMs < this.atMs) return false
    this.atMs = null
    this.isDue = true
    return true
  }

  /** ACK for everything that was handed on. */
  frame(): Uint8Array {
    const entries = this.#streams.map((stream) => {
      stream.acknowledged(this.#nowMs)
      return { stream: stream.stream, next: stream.expected, creditLimit: stream.grantedBytes }
    })
    this.#forget()
    this.#toldBytes = this.#arrivedBytes
    return connectionFrame(frameType.ack, encodeAcknowledgement(this.#arrivedBytes, entries))
  }

  /** RESUME, which acknowledges all of these streams. */
  resumption(streams: readonly ReceiveStream[]): Uint8Array {
    const entries = streams.map((stream) => {
      stream.acknowledged(this.#nowMs)
      const next = this.#rules.resumeAt(stream.expected)
      return { stream: stream.stream, next, creditLimit: stream.grantedBytes }
    })
    this.#forget()
    this.#arrivedBytes = 0
    this.#toldBytes = 0
    return connectionFrame(frameType.resume, encodeProgress(entries))
  }

  #forget(): void {
    this.#streams = []
    this.isDue = false
    this.atMs = null
  }
}
