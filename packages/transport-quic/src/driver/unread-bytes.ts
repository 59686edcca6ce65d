/**
 * How much a connection has received that nobody has read. The engine does not tell, so it is
 * estimated from above: by what came in datagrams minus what was read, and by the windows of the
 * streams that have something unread. Bytes that wait for earlier ones to come are not seen; they
 * are bounded by the windows alone.
 */
export class UnreadBytes {
  readonly #windowBytes: number
  #heldBytes = 0
  #streams = 0

  /** @param windowBytes what one stream can hold */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes
  }

  /** Never less than what is unread. */
  get bytes(): number {
    return Math.min(this.#heldBytes, this.#streams * this.#windowBytes)
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
    this.#streams = streams
    // Headers and repetitions would add up over the life of a connection.
    this.#heldBytes = streams === 0 ? 0 : Math.max(0, this.#heldBytes - bytes)
  }
}

/** The least that a datagram has beside stream data: header with id, tag, the frame's own. */
const overheadBytes = 1 + 20 + 1 + 16 + 2
