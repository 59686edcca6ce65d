/** Frames of one turn of the event loop share buffers of this size. */
export const slabBytes = 65_536

/** One buffer that frames are written into, and how many cut pieces of it are still kept. */
export interface Slab {
  readonly bytes: Uint8Array
  pieces: number
  /** No more frames are written into it. */
  isDone: boolean
  /** Somebody else may still read it, so that it is not used again. */
  isShared: boolean
}

/** Where fresh memory comes from. */
export type Allocate = (bytes: number) => Uint8Array

/** Buffers that are used again once everything in them has arrived. */
export class SlabPool {
  readonly #allocate: Allocate
  readonly #free: Uint8Array[] = []
  readonly #freeMax: number

  /** @param freeMax most buffers that are kept for later */
  constructor(allocate: Allocate, freeMax: number) {
    this.#allocate = allocate
    this.#freeMax = freeMax
  }

  /** Buffers that wait to be used again. */
  get free(): number {
    return this.#free.length
  }

  take(bytesMin: number): Slab {
    const bytes =
      bytesMin > slabBytes
        ? this.#allocate(bytesMin)
        : (this.#free.pop() ?? this.#allocate(slabBytes))
    return { bytes, pieces: 0, isDone: false, isShared: false }
  }

  /** Takes a slab back if nothing of it is needed any more. */
  giveBack(slab: Slab): void {
    if (!slab.isDone || slab.pieces > 0 || slab.isShared) return
    if (slab.bytes.length !== slabBytes || this.#free.length >= this.#freeMax) return
    slab.isShared = true
    this.#free.push(slab.bytes)
  }
}
