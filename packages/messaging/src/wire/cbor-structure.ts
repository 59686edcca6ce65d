import { NodosumError, utf8Decode } from '@nodosum/kernel'

/** What one payload may be, checked before it is encoded and before it is decoded. */
export interface PayloadLimits {
  /** Most levels of arrays and objects. */
  readonly depthMax: number
  /** Most values, containers among them; keys do not count. */
  readonly itemsMax: number
  /** Most bytes, encoded. */
  readonly bytesMax: number
}

/** Keys with which JavaScript code at the other end could be made to change a prototype. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Largest big integer; a decoder takes time that grows with the square of its length. */
export const bigintBytesMax = 1_024

const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 }
const tag = { date: 1, positiveBigint: 2, negativeBigint: 3 }

/** In maps of up to so many keys every two are compared, which costs no memory. */
const comparedKeysMax = 32

/**
 * Reads the structure of CBOR (RFC 8949) without building anything, so that what would nest too
 * deep, hold too much, claim lengths that it does not have, use tags other than dates and big
 * integers, name a key twice or set a prototype is refused before the decoder sees it.
 *
 * @throws `PAYLOAD_INVALID` that says what it is
 */
export function checkCbor(bytes: Uint8Array, limits: PayloadLimits): void {
  if (bytes.length > limits.bytesMax) {
    throw invalid(`has ${bytes.length} bytes, over the limit of ${limits.bytesMax}`)
  }
  const walk = new StructureWalk(bytes, limits)
  walk.value(0)
  if (!walk.isAtEnd) throw invalid('is followed by something else')
}

class StructureWalk {
  readonly #bytes: Uint8Array
  readonly #limits: PayloadLimits
  #at = 0
  #items = 0
  /** Start and length of the keys of all maps that are open, innermost last. */
  readonly #keys: number[] = []

  constructor(bytes: Uint8Array, limits: PayloadLimits) {
    this.#bytes = bytes
    this.#limits = limits
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** @param depth containers around this value */
  value(depth: number): void {
    if (++this.#items > this.#limits.itemsMax) throw invalid('holds too many values')
    const head = this.#head()
    const kind = head >> 5
    switch (kind) {
      case major.array: {
        const count = this.#argument(head)
        this.#enter(depth, count)
        for (let index = 0; index < count; index++) this.value(depth + 1)
        return
      }
      case major.map: {
        const count = this.#argument(head)
        this.#enter(depth, count * 2)
        this.#entries(count, depth + 1)
        return
      }
      case major.tag:
        return this.#tagged(this.#argument(head))
      case major.bytes:
      case major.text:
        return this.#skip(this.#argument(head))
      default:
        this.#argument(head)
    }
  }

  #enter(depth: number, itemsAtLeast: number): void {
    if (depth >= this.#limits.depthMax) throw invalid('is nested too deep')
    // Each takes at least one byte: who claims more lies, and nothing is set aside for it.
    if (itemsAtLeast > this.#bytes.length - this.#at) throw invalid('ends early')
  }

  #entries(count: number, depth: number): void {
    const base = this.#keys.length
    const seen = count > comparedKeysMax ? new Set<string>() : null
    for (let index = 0; index < count; index++) {
      const head = this.#head()
      if (head >> 5 !== major.text) throw invalid('has a key that is no text')
      const length = this.#argument(head)
      const start = this.#at
      this.#skip(length)
      this.#key(start, length, base, seen)
      this.value(depth)
    }
    this.#keys.length = base
  }

  #key(start: number, length: number, base: number, seen: Set<string> | null): void {
    const bytes = this.#bytes
    if (length >= 9 && length <= 11) {
      const text = String.fromCharCode(...bytes.subarray(start, start + length))
      if (forbiddenKeys.has(text)) throw invalid(`has the key ${text}, which is refused`)
    }
    if (seen !== null) {
      const text = utf8Decode(bytes.subarray(start, start + length))
      if (text === undefined) throw invalid('has a key that is no UTF-8')
      if (seen.has(text)) throw invalid('has a key twice')
      seen.add(text)
      return
    }
    if (!this.#isText(start, length)) throw invalid('has a key that is no UTF-8')
    const keys = this.#keys
    for (let at = base; at < keys.length; at += 2) {
      if (keys[at + 1] === length && this.#areEqual(keys[at] as number, start, length)) {
        throw invalid('has a key twice')
      }
    }
    keys.push(start, length)
  }

  /** Different bytes that decode to the same text would be one key twice. */
  #isText(start: number, length: number): boolean {
    for (let at = start; at < start + length; at++) {
      if ((this.#bytes[at] as number) < 0x80) continue
      return utf8Decode(this.#bytes.subarray(start, start + length)) !== undefined
    }
    return true
  }

  #areEqual(one: number, other: number, length: number): boolean {
    for (let at = 0; at < length; at++) {
      if (this.#bytes[one + at] !== this.#bytes[other + at]) return false
    }
    return true
  }

  /** A date of a number, or a big integer of bytes: one value and no level of its own. */
  #tagged(number: number): void {
    const head = this.#head()
    const kind = head >> 5
    const length = this.#argument(head)
    if (number === tag.date) {
      if (kind === major.bytes || (kind >= major.text && kind !== major.simple)) {
        throw invalid('has a date that is no number')
      }
    } else if (number === tag.positiveBigint || number === tag.negativeBigint) {
      if (kind !== major.bytes) throw invalid('has a big integer that is no bytes')
      if (length > bigintBytesMax) {
        throw invalid(`has a big integer of ${length} bytes, over the limit of ${bigintBytesMax}`)
      }
      this.#skip(length)
    } else throw invalid(`uses CBOR tag ${number}`)
  }

  #head(): number {
    if (this.isAtEnd) throw invalid('ends early')
    return this.#bytes[this.#at++] as number
  }

  /** What follows the first byte: a length, a count, a number. Nothing is of indefinite length. */
  #argument(head: number): number {
    const info = head & 31
    if (info < 24) return info
    const size = info < 28 ? 1 << (info - 24) : 0
    if (size === 0 || this.#at + size > this.#bytes.length) throw invalid('is not CBOR')
    let value = 0
    for (let index = 0; index < size; index++) {
      value = value * 256 + (this.#bytes[this.#at++] as number)
    }
    return value
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) throw invalid('ends early')
    this.#at += length
  }
}

function invalid(words: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_PAYLOAD_INVALID', `the payload ${words}`)
}
