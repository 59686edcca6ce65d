import { frameLengthBytes, frameLengthMin } from './frame.ts'

/** Gets each frame in order; `bytes` from `start` to `end` is the body and stays valid. */
export interface FrameSink {
  frame(
    type: number,
    flags: number,
    stream: number,
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void
}

export type DecodeProblem = 'frame too short' | 'frame too long' | 'header does not decode'

/**
 * Cuts a byte stream into frames without copying those that arrive whole.
 *
 * It can be stopped between two frames (`pause`); the bytes that are left wait here, at most one
 * pushed chunk and one frame, so whoever pauses has to stop pushing as well.
 */
export class FrameDecoder {
  /** What was wrong with the input; the decoder takes nothing more once it is set. */
  problem: DecodeProblem | null = null
  #paused = false
  #running = false
  #held: Uint8Array | null = null
  readonly #frameBytesMax: number
  readonly #sink: FrameSink

  constructor(options: { frameBytesMax: number; sink: FrameSink }) {
    this.#frameBytesMax = options.frameBytesMax
    this.#sink = options.sink
  }

  /** Bytes that arrived and were not handed on. */
  get heldBytes(): number {
    return this.#held === null ? 0 : this.#held.length
  }

  get paused(): boolean {
    return this.#paused
  }

  push(chunk: Uint8Array): void {
    if (this.problem !== null) return
    if (this.#held === null) this.#run(chunk)
    else {
      const joined = new Uint8Array(this.#held.length + chunk.length)
      joined.set(this.#held)
      joined.set(chunk, this.#held.length)
      this.#held = null
      this.#run(joined)
    }
  }

  pause(): void {
    this.#paused = true
  }

  /** Hands on what is held, until paused again. */
  resume(): void {
    this.#paused = false
    if (this.#running || this.#held === null || this.problem !== null) return
    const held = this.#held
    this.#held = null
    this.#run(held)
  }

  #run(bytes: Uint8Array): void {
    const length = bytes.length
    let at = 0
    this.#running = true
    try {
      while (!this.#paused && length - at >= frameLengthBytes) {
        const size =
          ((bytes[at] as number) |
            ((bytes[at + 1] as number) << 8) |
            ((bytes[at + 2] as number) << 16) |
            ((bytes[at + 3] as number) << 24)) >>>
          0
        if (size > this.#frameBytesMax) return this.#refuse('frame too long')
        if (size < frameLengthMin) return this.#refuse('frame too short')
        const start = at + frameLengthBytes
        if (length - start < size) break
        at = start + size
        if (!this.#one(bytes, start, at)) return
      }
    } finally {
      this.#running = false
    }
    if (at < length && this.problem === null) this.#held = at === 0 ? bytes : bytes.subarray(at)
  }

  #one(bytes: Uint8Array, start: number, end: number): boolean {
    const type = bytes[start] as number
    const flags = bytes[start + 1] as number
    let at = start + 2
    let stream = 0
    let sequence = 0
    let scale = 1
    let byte = 0x80
    while (byte >= 0x80 && at < end && at < start + 10) {
      byte = bytes[at++] as number
      stream += (byte & 0x7f) * scale
      scale *= 128
    }
    let broken = byte >= 0x80
    const sequenceAt = at
    scale = 1
    byte = 0x80
    while (byte >= 0x80 && at < end && at < sequenceAt + 8) {
      byte = bytes[at++] as number
      sequence += (byte & 0x7f) * scale
      scale *= 128
    }
    broken ||= byte >= 0x80
    if (broken || stream > Number.MAX_SAFE_INTEGER || sequence > Number.MAX_SAFE_INTEGER) {
      this.#refuse('header does not decode')
      return false
    }
    this.#sink.frame(type, flags, stream, sequence, bytes, at, end)
    return this.problem === null
  }

  #refuse(problem: DecodeProblem): void {
    this.problem = problem
    this.#held = null
  }
}
