/**
 * How much a connection has received that nobody has read. The engine does not tell, so it is
 * estimated from above: by what came in datagrams minus what was read, and by the windows of the
 * streams that have something unread. Bytes that wait for earlier ones to come are not seen; they
 * are bounded by the windows alone.
 */
export class UnreadBytes {
  readonly #windowBytes: number
  readonly #takenBytes: () => number
  #heldBytes = 0
  #streams = 0
  /** What the engine had taken, and what was held, when something began to be left unread. */
  #takenAtStart = 0
  #heldAtStart = 0
  #readSince = 0

  /**
   * @param windowBytes what one stream can hold
   * @param takenBytes what the engine has taken for the peer's so far: asked only when it matters
   */
  constructor(windowBytes: number, takenBytes: () => number) {
    this.#windowBytes = windowBytes
    this.#takenBytes = takenBytes
  }

  /** Whether more than that is unread. Datagrams of strangers, which the engine drops, are not. */
  exceeds(bytesMax: number): boolean {
    if (this.#estimate <= bytesMax) return false
    const taken = this.#takenBytes() - this.#takenAtStart
    const left = this.#heldAtStart + taken - this.#readSince
    this.#heldBytes = Math.min(this.#heldBytes, Math.max(0, left))
    return this.#estimate > bytesMax
  }

  received(datagramBytes: number): void {
    this.#heldBytes += Math.max(0, datagramBytes - overheadBytes)
  }

  /**
   * What a turn has read.
   *
   * @param streams that still had something to read afterwards
   */
  read(bytes: number, streams: number): void {
    const isStart = this.#streams === 0 && streams > 0
    this.#streams = streams
    // Headers and repetitions would add up over the life of a connection.
    this.#heldBytes = streams === 0 ? 0 : Math.max(0, this.#heldBytes - bytes)
    this.#readSince += bytes
    if (!isStart) return
    this.#takenAtStart = this.#takenBytes()
    this.#heldAtStart = this.#heldBytes
    this.#readSince = 0
  }

  get #estimate(): number {
    return Math.min(this.#heldBytes, this.#streams * this.#windowBytes)
  }
}

/** The least that a datagram has beside stream data: header with id, tag, the frame's own. */
const overheadBytes = 1 + 20 + 1 + 16 + 2
