import { invariant } from '@nodosum/kernel'

/** Counters behind the highest that are still told apart. */
export const replayWindowBits = 1_024

const words = replayWindowBits / 32

/**
 * Remembers which counters of one sender were seen, in any order: the highest, and one bit for each
 * of the 1,024 up to it. A counter further behind counts as seen, because nobody can know.
 */
export class ReplayWindow {
  readonly #bits = new Uint32Array(words)
  #highest: number

  /** @param floor counters up to this one count as seen; 0 for none */
  constructor(floor = 0) {
    this.#highest = floor
    this.#bits.fill(0xffff_ffff)
  }

  get highest(): number {
    return this.#highest
  }

  /** Whether the counter was seen or is too old to tell. Changes nothing. */
  seen(counter: number): boolean {
    if (counter > this.#highest) return false
    if (counter <= this.#highest - replayWindowBits) return true
    return (this.#word(counter) & this.#mask(counter)) !== 0
  }

  /** Remembers a counter: only after its packet proved to be genuine. */
  mark(counter: number): void {
    invariant(Number.isSafeInteger(counter) && counter >= 0, 'a counter is a safe integer')
    if (counter > this.#highest) this.#advance(counter)
    if (counter <= this.#highest - replayWindowBits) return
    this.#bits[this.#index(counter)] = this.#word(counter) | this.#mask(counter)
  }

  // Bits are a ring over counters, so moving on means clearing those that come into reach.
  #advance(counter: number): void {
    const steps = counter - this.#highest
    if (steps >= replayWindowBits) {
      this.#bits.fill(0)
    } else {
      for (let next = this.#highest + 1; next <= counter; next++) {
        this.#bits[this.#index(next)] = this.#word(next) & ~this.#mask(next)
      }
    }
    this.#highest = counter
  }

  #index(counter: number): number {
    return Math.floor((counter % replayWindowBits) / 32)
  }

  #word(counter: number): number {
    return this.#bits[this.#index(counter)] as number
  }

  #mask(counter: number): number {
    return 1 << (counter % 32)
  }
}
