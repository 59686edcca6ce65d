import { invariant } from './invariant.ts'
import { NodosumError } from './nodosum-error.ts'
import { utf8EncodeInto, utf8Length } from './utf8.ts'
import { varintLength, writeVarint } from './varint.ts'

// Up to so many characters a loop is faster than a call into the runtime (measured on Node 24).
const shortTextBytesMax = 24

const floatBytes: Uint8Array = new Uint8Array(8)
const floatView: DataView = new DataView(floatBytes.buffer)

/**
 * Writes little-endian values into a buffer that grows up to a bound. Made to be kept and reset
 * for each message.
 */
export class ByteWriter {
  #bytes: Uint8Array
  #at = 0
  readonly #bytesMax: number

  /**
   * @param options.initialBytes allocated at first; 128 unless told
   * @param options.bytesMax most bytes it takes; 16 MiB unless told. Beyond it every method
   *   throws `ERR_NODOSUM_MESSAGE_TOO_LARGE` and has written nothing.
   */
  constructor(options?: { initialBytes?: number; bytesMax?: number }) {
    const initialBytes = options?.initialBytes ?? 128
    const bytesMax = options?.bytesMax ?? 16_777_216
    invariant(
      Number.isInteger(initialBytes) && initialBytes >= 0 && Number.isInteger(bytesMax),
      'a writer needs whole numbers as sizes',
    )
    invariant(bytesMax >= 1, 'a writer needs room for at least one byte')
    this.#bytes = new Uint8Array(Math.min(initialBytes, bytesMax))
    this.#bytesMax = bytesMax
  }

  /** Bytes written since the last reset. */
  get length(): number {
    return this.#at
  }

  /** One byte, 0 to 255. */
  u8(value: number): void {
    invariant((value & 0xff) === value, 'a u8 is from 0 to 255')
    const at = this.#take(1)
    this.#bytes[at] = value
  }

  /** Two bytes, 0 to 65,535. */
  u16(value: number): void {
    invariant((value & 0xffff) === value, 'a u16 is from 0 to 65535')
    const at = this.#take(2)
    const bytes = this.#bytes
    bytes[at] = value & 0xff
    bytes[at + 1] = value >>> 8
  }

  /** Four bytes, 0 to 2^32 - 1. */
  u32(value: number): void {
    invariant(value >>> 0 === value, 'a u32 is from 0 to 2^32 - 1')
    const at = this.#take(4)
    const bytes = this.#bytes
    bytes[at] = value & 0xff
    bytes[at + 1] = (value >>> 8) & 0xff
    bytes[at + 2] = (value >>> 16) & 0xff
    bytes[at + 3] = value >>> 24
  }

  /** Eight bytes, an IEEE 754 double. */
  f64(value: number): void {
    const at = this.#take(8)
    floatView.setFloat64(0, value, true)
    this.#bytes.set(floatBytes, at)
  }

  /** One to eight bytes, a whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, 'a varint is from 0 to 2^53 - 1')
    const at = this.#take(varintLength(value))
    writeVarint(this.#bytes, at, value)
  }

  /** The bytes themselves, copied, without a length. */
  bytes(view: Uint8Array): void {
    const at = this.#take(view.length)
    this.#bytes.set(view, at)
  }

  /** A varint length in bytes and UTF-8. Lone surrogates become U+FFFD. */
  text(value: string): void {
    const length = utf8Length(value)
    const start = this.#take(varintLength(length) + length)
    const bytes = this.#bytes
    let at = writeVarint(bytes, start, length)
    if (length > shortTextBytesMax || length !== value.length) {
      utf8EncodeInto(value, bytes, at)
      return
    }
    for (let index = 0; index < length; index += 1) {
      bytes[at] = value.charCodeAt(index)
      at += 1
    }
  }

  /** What was written so far, not copied: the next write or reset may change it. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.#at = 0
  }

  // The index from which `length` bytes may be written.
  #take(length: number): number {
    const at = this.#at
    const need = at + length
    if (need > this.#bytes.length) this.#grow(need)
    this.#at = need
    return at
  }

  #grow(need: number): void {
    if (need > this.#bytesMax) {
      throw new NodosumError(
        'ERR_NODOSUM_MESSAGE_TOO_LARGE',
        `the message needs at least ${need} bytes, the limit (bytesMax) is ${this.#bytesMax}`,
        { details: { bytes: need, bytesMax: this.#bytesMax } },
      )
    }
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(need, this.#bytes.length * 2)))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }
}
