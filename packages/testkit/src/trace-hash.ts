/**
 * What happened in a run, as 16 hexadecimal digits: equal runs have equal hashes, and a difference
 * anywhere changes it. Two lanes of 32 bits in the manner of FNV-1a; to compare runs, not against forgery.
 */
export class TraceHash {
  #a = 0x811c9dc5 | 0
  #b = 0x2f0b4c47 | 0

  /** Adds a number, all of its 64 bits. */
  number(value: number): void {
    scratch.setFloat64(0, value)
    this.#word(scratch.getUint32(0))
    this.#word(scratch.getUint32(4))
  }

  /** Adds a text, so that 'ab', 'c' differs from 'a', 'bc'. */
  text(value: string): void {
    this.#word(value.length)
    for (let at = 0; at < value.length; at += 1) {
      const unit = value.charCodeAt(at)
      this.#a = Math.imul(this.#a ^ unit, 0x01000193)
      this.#b = Math.imul(this.#b ^ unit, 0x85ebca6b)
      this.#b ^= this.#b >>> 13
    }
  }

  /** Adds bytes and how many there were. */
  bytes(value: Uint8Array): void {
    this.#word(value.length)
    let a = this.#a
    let b = this.#b
    let at = 0
    // Four bytes at a time: packets are most of what is hashed.
    for (; at + 4 <= value.length; at += 4) {
      const word =
        (value[at] as number) |
        ((value[at + 1] as number) << 8) |
        ((value[at + 2] as number) << 16) |
        ((value[at + 3] as number) << 24)
      a = Math.imul(a ^ word, 0x01000193)
      a ^= a >>> 15
      b = Math.imul(b ^ word, 0x85ebca6b)
      b ^= b >>> 13
    }
    for (; at < value.length; at += 1) {
      a = Math.imul(a ^ (value[at] as number), 0x01000193)
      b = Math.imul(b ^ (value[at] as number), 0x85ebca6b)
      b ^= b >>> 13
    }
    this.#a = a
    this.#b = b
  }

  /** The hash of everything so far. */
  digest(): string {
    return hex(this.#a) + hex(this.#b)
  }

  #word(word: number): void {
    for (let shift = 0; shift < 32; shift += 8) {
      const byte = (word >>> shift) & 0xff
      this.#a = Math.imul(this.#a ^ byte, 0x01000193)
      this.#b = Math.imul(this.#b ^ byte, 0x85ebca6b)
    }
    this.#b ^= this.#b >>> 15
  }
}

const scratch = new DataView(new ArrayBuffer(8))

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
