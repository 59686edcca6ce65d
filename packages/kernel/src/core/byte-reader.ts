import { invariant } from './invariant.ts'
import { utf8DecodeRange } from './utf8.ts'

const nothing: Uint8Array = new Uint8Array(0)
const floatBytes: Uint8Array = new Uint8Array(8)
const floatView: DataView = new DataView(floatBytes.buffer)

/**
 * Reads little-endian values from bytes that a stranger may have sent. No input makes it throw:
 * once a read goes wrong `failed` stays true and every further read gives zero or nothing, so a
 * decoder reads everything and asks once.
 */
export class ByteReader {
  #bytes: Uint8Array
  #at: number
  #end: number
  #failed = false

  /**
   * Reads from `offset` to before `end`, which is the end of the bytes unless told.
   *
   * @throws `ERR_NODOSUM_INVARIANT_VIOLATED` when the two are not inside the bytes in this order
   */
  constructor(bytes: Uint8Array, offset: number = 0, end: number = bytes.length) {
    checkRange(bytes, offset, end)
    this.#bytes = bytes
    this.#at = offset
    this.#end = end
  }

  /** Starts over on other bytes, so that one reader can serve every message. */
  reset(bytes: Uint8Array, offset: number = 0, end: number = bytes.length): void {
    checkRange(bytes, offset, end)
    this.#bytes = bytes
    this.#at = offset
    this.#end = end
    this.#failed = false
  }

  /** Whether a read did not fit or was malformed. */
  get failed(): boolean {
    return this.#failed
  }

  /** Index of the next byte, counted from the start of the bytes given. */
  get offset(): number {
    return this.#at
  }

  /** Bytes left to read; 0 after a failure. */
  get remaining(): number {
    return this.#end - this.#at
  }

  /** For what only the caller can see to be wrong. */
  fail(): void {
    this.#failed = true
    // With nothing left, the length check of every later read fails: no read asks twice.
    this.#end = this.#at
  }

  /** One byte, 0 to 255. */
  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : (this.#bytes[at] as number)
  }

  /** Two bytes, 0 to 65,535. */
  u16(): number {
    const at = this.#take(2)
    if (at < 0) return 0
    const bytes = this.#bytes
    return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  }

  /** Four bytes, 0 to 2^32 - 1. */
  u32(): number {
    const at = this.#take(4)
    if (at < 0) return 0
    const bytes = this.#bytes
    const value =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    return value >>> 0
  }

  /** Eight bytes, an IEEE 754 double; every bit pattern is one, so check for NaN and Infinity. */
  f64(): number {
    const at = this.#take(8)
    if (at < 0) return 0
    for (let index = 0; index < 8; index += 1) floatBytes[index] = this.#bytes[at + index] as number
    return floatView.getFloat64(0, true)
  }

  /** LEB128 up to 2^53 - 1, in its shortest form only, so that equal values have equal bytes. */
  varint(): number {
    const at = this.#at
    // Most numbers on the wire are below 128.
    if (at < this.#end) {
      const byte = this.#bytes[at] as number
      if (byte < 0x80) {
        this.#at = at + 1
        return byte
      }
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    let value = 0
    let scale = 1
    for (let count = 0; count < 8 && at < end; count += 1) {
      const byte = bytes[at] as number
      at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        // A last byte of 0 pads a shorter form; the eighth byte has room for four bits.
        if ((byte === 0 && count > 0) || (count === 7 && byte > 0x0f)) break
        this.#at = at
        return value
      }
      scale *= 0x80
    }
    this.fail()
    return 0
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return at < 0 ? nothing : this.#bytes.subarray(at, at + length)
  }

  /** The next `length` bytes in memory of their own. `slice` of a Buffer would be a view as well. */
  copy(length: number): Uint8Array {
    return new Uint8Array(this.bytes(length))
  }

  /** A varint length in bytes, at most `bytesMax`, and that much valid UTF-8. */
  text(bytesMax: number): string {
    const length = this.varint()
    const at = length > bytesMax ? -1 : this.#take(length)
    const text = at < 0 ? undefined : utf8DecodeRange(this.#bytes, at, at + length)
    if (text !== undefined) return text
    this.fail()
    return ''
  }

  /** What is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.#end - this.#at)
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#take(length)
  }

  // The index of `length` bytes that are now taken, or -1.
  #take(length: number): number {
    const at = this.#at
    // Written so that NaN fails it: a length may come from an f64 of the peer.
    if (!(length >= 0 && length <= this.#end - at && Number.isInteger(length))) {
      this.fail()
      return -1
    }
    this.#at = at + length
    return at
  }
}

function checkRange(bytes: Uint8Array, offset: number, end: number): void {
  invariant(
    offset >= 0 && offset <= end && end <= bytes.length,
    'a reader begins and ends inside its bytes',
  )
}
