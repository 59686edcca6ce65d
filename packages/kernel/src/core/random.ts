import { invariant } from './invariant.ts'

/** A source of random numbers, injected everywhere so that a seed repeats a run. */
export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  u32(): number
  /** From 0 (included) to 1 (not included), with 53 random bits. */
  float(): number
  /** From `min` to `maxInclusive`, both included and equally likely; both are safe integers. */
  integer(min: number, maxInclusive: number): number
  /** Newly allocated random bytes. */
  bytes(length: number): Uint8Array
  /** One of the items, each equally likely; undefined when there are none. */
  pick<T>(items: readonly T[]): T | undefined
  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[]
  /**
   * An independent source that depends on this one's seed and the name alone, so that drawing
   * more from one stream leaves every other as it was. Asking twice for a name gives the same
   * numbers from their start.
   */
  stream(name: string): Random
}

/** Where the 32-bit words of a `WordRandom` come from. */
export interface WordSource {
  /** An integer from 0 to 2^32 - 1, all equally likely. */
  u32(): number
  /** What {@link Random.stream} returns. */
  stream(name: string): Random
}

const wordValues = 2 ** 32

/** Everything that follows from a source of 32-bit words. */
export class WordRandom implements Random {
  readonly #source: WordSource

  constructor(source: WordSource) {
    this.#source = source
  }

  u32(): number {
    return this.#source.u32()
  }

  float(): number {
    const high = this.#source.u32() >>> 5
    const low = this.#source.u32() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  integer(min: number, maxInclusive: number): number {
    invariant(
      Number.isSafeInteger(min) && Number.isSafeInteger(maxInclusive) && min <= maxInclusive,
      'a random integer needs safe integers as bounds, the lower one first',
    )
    const span = maxInclusive - min + 1
    invariant(Number.isSafeInteger(span), 'a random integer spans fewer than 2^53 values')
    return min + (span <= wordValues ? this.#below32(span) : this.#below53(span))
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      let word = this.#source.u32()
      for (let used = 0; used < 4 && at < length; used += 1) {
        bytes[at] = word & 0xff
        word >>>= 8
        at += 1
      }
    }
    return bytes
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.#below32(items.length)]
  }

  shuffle<T>(items: T[]): T[] {
    for (let at = items.length - 1; at > 0; at -= 1) {
      const other = this.#below32(at + 1)
      const held = items[at] as T
      items[at] = items[other] as T
      items[other] = held
    }
    return items
  }

  stream(name: string): Random {
    return this.#source.stream(name)
  }

  // A remainder alone favours small values, so words past the last whole span are drawn again:
  // less than twice on average.
  #below32(span: number): number {
    const limit = wordValues - (wordValues % span)
    let word = this.#source.u32()
    while (word >= limit) word = this.#source.u32()
    return word % span
  }

  #below53(span: number): number {
    const limit = 2 ** 53 - (2 ** 53 % span)
    let value = this.#word53()
    while (value >= limit) value = this.#word53()
    return value % span
  }

  #word53(): number {
    return (this.#source.u32() >>> 11) * wordValues + this.#source.u32()
  }
}

/**
 * A fast, repeatable source for simulations, tests and jitter: sfc32, seeded by hashes of the
 * seed's text. Never for secrets.
 *
 * @param seed any number or text; 42 and '42' are the same seed
 */
export function seededRandom(seed: number | string): Random {
  return new WordRandom(new SeededWords(lengthPrefixed(String(seed))))
}

/**
 * The generator "small fast counter": 96 chaotic bits of state and a counter of 32, which keeps
 * every period at 2^32 or above.
 */
class SeededWords implements WordSource {
  readonly #key: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(key: string) {
    this.#key = key
    this.#a = hash(key, 0x9e3779b9)
    this.#b = hash(key, 0x85ebca6b)
    this.#c = hash(key, 0xc2b2ae35)
    // The first outputs still resemble the seed.
    for (let round = 0; round < 16; round += 1) this.u32()
  }

  u32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  stream(name: string): Random {
    return new WordRandom(new SeededWords(this.#key + lengthPrefixed(name)))
  }
}

// Keeps stream('a').stream('b') apart from stream('ab').
function lengthPrefixed(text: string): string {
  return `${text.length}:${text}`
}

/** FNV-1a over 16-bit units, then an avalanche, so that similar texts get unrelated hashes. */
function hash(text: string, start: number): number {
  let value = start | 0
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
    value ^= value >>> 15
  }
  value = Math.imul(value ^ (value >>> 16), 0x7feb352d)
  value = Math.imul(value ^ (value >>> 15), 0x846ca68b)
  return (value ^ (value >>> 16)) | 0
}
