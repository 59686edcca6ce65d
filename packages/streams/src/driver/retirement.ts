import { frameType } from '../wire/frame.ts'

/** What a retirement needs of its session. */
export interface RetirementParts {
  /** True when nothing at this end is under way. */
  readonly isIdle: () => boolean
  readonly send: (type: number) => void
  /** Stops new frames on all lanes, or lets them go on. */
  readonly hold: (isHeld: boolean) => void
}

/**
 * How two ends give up a session that neither has a use for, without losing a frame: one stops
 * sending and asks with RETIRE; the other, if nothing is under way there, stops too and answers
 * RETIRED, else KEEP, and both go on. Whatever was sent before RETIRE is confirmed before the
 * answer, or the answer is KEEP, since all of it travels in order on the control stream.
 */
export class Retirement {
  readonly #parts: RetirementParts
  #state: 'none' | 'asked' | 'agreed' = 'none'
  #answer: PromiseWithResolvers<boolean> | null = null
  #settled: PromiseWithResolvers<void> | null = null

  constructor(parts: RetirementParts) {
    this.#parts = parts
  }

  /** Whether new frames have to wait. */
  get isInForce(): boolean {
    return this.#state !== 'none'
  }

  /** Resolves when the session may be used again or is over. */
  get settled(): Promise<void> {
    if (this.#state === 'none') return Promise.resolve()
    this.#settled ??= Promise.withResolvers<void>()
    return this.#settled.promise
  }

  /** Resolves to whether both ends have stopped. */
  ask(): Promise<boolean> {
    if (this.#answer !== null) return this.#answer.promise
    // The peer asked first: it will close.
    if (this.#state === 'agreed' || !this.#parts.isIdle()) return Promise.resolve(false)
    this.#enter('asked')
    this.#answer = Promise.withResolvers<boolean>()
    this.#parts.send(frameType.retire)
    return this.#answer.promise
  }

  /** False for a frame that answers nothing. */
  received(type: number): boolean {
    if (type === frameType.retire) {
      // Who has asked, too, has nothing under way.
      if (this.#state === 'none' && !this.#parts.isIdle()) this.#parts.send(frameType.keep)
      else {
        if (this.#state === 'none') this.#enter('agreed')
        this.#parts.send(frameType.retired)
      }
      return true
    }
    if (this.#state !== 'asked') return false
    if (type === frameType.retired) this.#answered(true)
    else {
      this.#answered(false)
      this.#leave()
    }
    return true
  }

  /** The session is over. */
  over(): void {
    this.#answered(true)
    this.#settled?.resolve()
  }

  #enter(state: 'asked' | 'agreed'): void {
    this.#state = state
    this.#parts.hold(true)
  }

  #leave(): void {
    this.#state = 'none'
    this.#parts.hold(false)
    this.#settled?.resolve()
    this.#settled = null
  }

  #answered(isAgreed: boolean): void {
    this.#answer?.resolve(isAgreed)
    this.#answer = null
  }
}
