/**
 * Memory for received bytes: cut from a slab until it is used up, so that chunks stay valid after
 * their callback without a copy and without an allocation each.
 */
export class ReceiveSlab {
  #slab: Buffer = Buffer.allocUnsafeSlow(slabBytes)
  #offset = 0

  /** The free rest of the slab, at least 4 KiB. */
  free(): Buffer {
    if (slabBytes - this.#offset < freeBytesMin) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes)
      this.#offset = 0
    }
    return this.#offset === 0 ? this.#slab : this.#slab.subarray(this.#offset)
  }

  /** Cuts the first `length` bytes off what `free` returned last. */
  cut(length: number): Buffer {
    const start = this.#offset
    this.#offset += length
    return this.#slab.subarray(start, this.#offset)
  }
}

/** A consumer that keeps one small chunk keeps its slab: this is what that may cost. */
const slabBytes = 128 * 1024
const freeBytesMin = 4 * 1024
