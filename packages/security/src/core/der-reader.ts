/** One element of DER: a tag, and what it holds. */
export interface DerElement {
  readonly tag: number
  /** What is inside, as a view. */
  readonly content: Uint8Array
  /** Tag, length and content, as a view. */
  readonly whole: Uint8Array
}

/** Tags of X.509 that this package reads. */
export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  sequence: 0x30,
} as const

const nothing = new Uint8Array(0)
const lengthBytesMax = 4
const objectIdBytesMax = 64

/**
 * Reads DER elements one after another. Strict where leniency lets two parsers see two different
 * certificates: only shortest definite lengths, only tags of one byte, nothing past the end.
 * Never throws: after bad input `failed` stays true and everything read is empty.
 */
export class DerReader {
  failed = false
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.failed || this.#at >= this.#bytes.length
  }

  /** The tag of the next element without reading it; 0 at the end. */
  peekTag(): number {
    return this.atEnd ? 0 : (this.#bytes[this.#at] as number)
  }

  /** The next element, which must have this tag when one is given. */
  next(tag?: number): DerElement {
    const start = this.#at
    const found = this.#byte()
    if ((found & 0x1f) === 0x1f || (tag !== undefined && found !== tag)) return this.#fail()
    const length = this.#length()
    if (this.failed || length > this.#bytes.length - this.#at) return this.#fail()
    const content = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return { tag: found, content, whole: this.#bytes.subarray(start, this.#at) }
  }

  /** A reader over the content of the next element, which must have this tag. */
  enter(tag: number): DerReader {
    const inner = new DerReader(this.next(tag).content)
    inner.failed = this.failed
    return inner
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > lengthBytesMax) {
      this.failed = true
      return 0
    }
    let length = 0
    for (let at = 0; at < count; at++) length = length * 256 + this.#byte()
    const shortest = length >= 0x80 && length >= 2 ** (8 * (count - 1))
    if (!shortest) this.failed = true
    return length
  }

  #byte(): number {
    if (this.atEnd) {
      this.failed = true
      return 0
    }
    return this.#bytes[this.#at++] as number
  }

  #fail(): DerElement {
    this.failed = true
    return { tag: 0, content: nothing, whole: nothing }
  }
}

/** An object id in dots, for example `2.5.29.17`; undefined when it is malformed. */
export function readObjectId(content: Uint8Array): string | undefined {
  if (content.length === 0 || content.length > objectIdBytesMax) return undefined
  const arcs: number[] = []
  let arc = 0
  let inside = false
  for (const byte of content) {
    if (!inside && byte === 0x80) return undefined
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) return undefined
    inside = byte >= 0x80
    if (inside) continue
    if (arcs.length === 0) {
      const first = Math.min(Math.floor(arc / 40), 2)
      arcs.push(first, arc - first * 40)
    } else {
      arcs.push(arc)
    }
    arc = 0
  }
  return inside ? undefined : arcs.join('.')
}

/** A boolean; undefined when it is neither of the two encodings. */
export function readBoolean(content: Uint8Array): boolean | undefined {
  if (content.length !== 1) return undefined
  if (content[0] === 0xff) return true
  return content[0] === 0 ? false : undefined
}

/** An integer from 0 to 2^31 - 1; undefined when it is larger, negative or padded. */
export function readSmallInteger(content: Uint8Array): number | undefined {
  const [first = 0x80, second = 0x80] = content
  if (content.length > 4 || first >= 0x80) return undefined
  if (content.length > 1 && first === 0 && second < 0x80) return undefined
  let value = 0
  for (const byte of content) value = value * 256 + byte
  return value
}
