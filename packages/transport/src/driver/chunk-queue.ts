/** Chunks in order, with a head that can be partly taken. Never copies and never shifts. */
export class ChunkQueue {
  #chunks: (Uint8Array | undefined)[] = []
  #head = 0
  /** Bytes of the first chunk that were taken already. */
  #taken = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** What is left of the first chunk; undefined when empty. */
  front(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head]
    return chunk === undefined || this.#taken === 0 ? chunk : chunk.subarray(this.#taken)
  }

  /** True when more than one chunk waits. */
  hasSecond(): boolean {
    return this.#chunks.length - this.#head > 1
  }

  /** Copies as much as fits from the front, in order, and returns how much; nothing is taken. */
  gather(target: Uint8Array): number {
    let length = 0
    let skip = this.#taken
    for (let index = this.#head; index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index] as Uint8Array
      const available = chunk.length - skip
      const room = target.length - length
      if (available > room) {
        target.set(chunk.subarray(skip, skip + room), length)
        return target.length
      }
      target.set(skip === 0 ? chunk : chunk.subarray(skip), length)
      length += available
      skip = 0
    }
    return length
  }

  /** Drops `count` bytes from the front; not more than `bytes`. */
  take(count: number): void {
    this.#bytes -= count
    let left = count + this.#taken
    while (this.#head < this.#chunks.length) {
      const length = (this.#chunks[this.#head] as Uint8Array).length
      if (left < length) break
      left -= length
      this.#chunks[this.#head] = undefined
      this.#head += 1
    }
    this.#taken = left
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0
      this.#head = 0
    } else if (this.#head > compactAfter && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head)
      this.#head = 0
    }
  }

  clear(): void {
    this.#chunks = []
    this.#head = 0
    this.#taken = 0
    this.#bytes = 0
  }
}

const compactAfter = 1024
