import { ByteReader, type Scheduler, varintLength, writeVarint } from '@nodosum/kernel'
import { frameType } from '../wire/frame.ts'
import type { OutgoingLane } from './outgoing-lane.ts'

/** What a retirement needs of its session. */
export interface RetirementParts {
  /** True when nothing at this end is under way. */
  readonly isIdle: () => boolean
  readonly control: OutgoingLane
  /** Whether the peer's question counts when both ends ask at once: true at one of the two. */
  readonly yields: boolean
  /** Stops new frames on all lanes, or lets them go on. */
  readonly hold: (isHeld: boolean) => void
  readonly scheduler: Scheduler
  /** Longest that this end holds its lanes for the peer, in milliseconds. */
  readonly patienceMaxMs: number
}

/** How often an end that waits looks whether everything has ended. */
const lookMs = 5

/**
 * How two ends give up a session without losing a frame. One stops sending; when everything that
 * it sent is confirmed, it asks with RETIRE. The other stops, too, and when nothing is under way
 * there, it answers RETIRED. Each waits as long as the asking end has patience; whoever has not
 * come to rest until then says KEEP, and both go on.
 *
 * Only one question is ever open. When two cross on their way, that of the end which yields is
 * void, and both ends know it without a further word.
 */
export class Retirement {
  readonly #parts: RetirementParts
  #asking: Promise<boolean> | null = null
  /** Set between RETIRE and its answer. */
  #answer: PromiseWithResolvers<boolean> | null = null
  /** The peer has asked, and this end has agreed or is about to. */
  #isAsked = false
  #isOver = false
  #settled: PromiseWithResolvers<void> | null = null

  constructor(parts: RetirementParts) {
    this.#parts = parts
  }

  /** Whether new frames have to wait. */
  get isInForce(): boolean {
    return this.#asking !== null || this.#isAsked
  }

  /** Resolves when the session may be used again or is over. */
  get settled(): Promise<void> {
    if (!this.isInForce || this.#isOver) return Promise.resolve()
    this.#settled ??= Promise.withResolvers<void>()
    return this.#settled.promise
  }

  /**
   * Resolves to whether both ends have come to rest.
   *
   * @param patienceMs how long each end may take; 0: only if nothing is under way now
   */
  ask(patienceMs: number): Promise<boolean> {
    if (this.#asking !== null) return this.#asking
    // Who was asked leaves the closing to the other end.
    if (this.#isAsked || this.#isOver) return Promise.resolve(false)
    if (patienceMs === 0 && !this.#parts.isIdle()) return Promise.resolve(false)
    this.#parts.hold(true)
    this.#asking = this.#ask(patienceMs).then((isAgreed) => {
      this.#asking = isAgreed ? this.#asking : null
      this.#release()
      return isAgreed
    })
    return this.#asking
  }

  /** False for a frame that does not decode or answers nothing. */
  received(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    const answer = this.#answer
    if (type === frameType.retire) {
      const reader = new ByteReader(bytes, start, end)
      const patienceMs = reader.varint()
      if (reader.failed || this.#isAsked) return false
      if (answer !== null && !this.#parts.yields) return true
      this.#answer = null
      answer?.resolve(false)
      void this.#asked(Math.min(patienceMs, this.#parts.patienceMaxMs))
      return true
    }
    this.#answer = null
    if (answer !== null) answer.resolve(type === frameType.retired)
    else if (type === frameType.keep && this.#isAsked) {
      // The end that asked has not come to rest itself.
      this.#isAsked = false
      this.#release()
    } else return false
    return true
  }

  /** The session is over. */
  over(): void {
    this.#isOver = true
    this.#answer?.resolve(true)
    this.#settled?.resolve()
  }

  async #ask(patienceMs: number): Promise<boolean> {
    if (!(await this.#rest(patienceMs))) return false
    if (this.#isOver) return true
    if (this.#isAsked) return false
    this.#answer = Promise.withResolvers<boolean>()
    this.#send(frameType.retire, patienceMs)
    if (!(await this.#answer.promise)) return false
    // What the peer had sent before may still be handled here.
    if (await this.#rest(patienceMs)) return true
    this.#send(frameType.keep)
    return false
  }

  async #asked(patienceMs: number): Promise<void> {
    this.#isAsked = true
    this.#parts.hold(true)
    const isAtRest = await this.#rest(patienceMs)
    if (this.#isOver) return
    if (isAtRest) return this.#send(frameType.retired)
    this.#isAsked = false
    this.#send(frameType.keep)
    this.#release()
  }

  #release(): void {
    if (this.isInForce || this.#isOver) return
    this.#parts.hold(false)
    this.#settled?.resolve()
    this.#settled = null
  }

  #send(type: number, patienceMs?: number): void {
    const { control } = this.#parts
    const length = patienceMs === undefined ? 0 : varintLength(patienceMs)
    const at = control.frame(type, 0, length)
    if (patienceMs !== undefined) writeVarint(control.buffer, at, patienceMs)
  }

  /** Resolves to whether this end has come to rest in time, or the session is over. */
  #rest(patienceMs: number): Promise<boolean> {
    const { isIdle, scheduler } = this.#parts
    const untilMs = scheduler.nowMs() + patienceMs
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#isOver || isIdle()) resolve(true)
        else if (scheduler.nowMs() >= untilMs) resolve(false)
        else scheduler.after(Math.min(lookMs, untilMs - scheduler.nowMs()), look)
      }
      look()
    })
  }
}
