import { randomFillSync } from 'node:crypto'
import { type Random, WordRandom, type WordSource } from '../core/random.ts'

const poolWords = 256

/** Random numbers of the operating system, fit for ids and secrets. Streams are not repeatable. */
export function systemRandom(): Random {
  return new SystemWords().random
}

class SystemWords implements WordSource {
  readonly random: Random = new WordRandom(this)
  readonly #pool = new Uint32Array(poolWords)
  #used = poolWords

  u32(): number {
    if (this.#used === poolWords) {
      // One call for many words: each call costs about a microsecond.
      randomFillSync(this.#pool)
      this.#used = 0
    }
    const word = this.#pool[this.#used] as number
    // A word that was handed out may be part of a secret, so it does not stay in memory.
    this.#pool[this.#used] = 0
    this.#used += 1
    return word
  }

  stream(): Random {
    return this.random
  }
}
