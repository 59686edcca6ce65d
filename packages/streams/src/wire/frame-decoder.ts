import { frameBytesAt, frameLengthBytes, frameLengthMin } from './frame.ts'

/** Gets each frame in order; `bytes` from `start` to `end` is the body and stays valid. */
export interface FrameSink {
  /** False leaves the frame where it is, as if the decoder had been paused before it. */
  frame(
    type: number,
    flags: number,
    stream: number,
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean
}

export type DecodeProblem = 'frame too short' | 'frame too long' | 'header does not decode'

/**
 * Cuts a byte stream into frames. Those that arrive whole are not copied, those that arrive in
 * parts once.
 *
 * It can be stopped between two frames (`pause`); what arrives then waits here.
 */
export class FrameDecoder {
  /** What was wrong with the input; the decoder takes nothing more once it is set. */
  problem: DecodeProblem | null = null
  /** Bytes of the frame that is handed on, with its header. */
  frameBytes = 0
  #paused = false
  #running = false
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** So many bytes must be held before it is worth looking again. */
  #neededBytes = 0
  readonly #frameBytesMax: number
  readonly #sink: FrameSink

  constructor(options: { frameBytesMax: number; sink: FrameSink }) {
    this.#frameBytesMax = options.frameBytesMax
    this.#sink = options.sink
  }

  /** Bytes that arrived and were not handed on. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  get paused(): boolean {
    return this.#paused
  }

  push(chunk: Uint8Array): void {
    if (this.problem !== null || chunk.length === 0) return
    if (this.#heldBytes === 0 && !this.#paused && !this.#running) return this.#run(chunk)
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    this.#goOn()
  }

  pause(): void {
    this.#paused = true
  }

  /** Hands on what is held, until paused again. */
  resume(): void {
    this.#paused = false
    this.#goOn()
  }

  /** Gives away what is held, for somebody else to decode. */
  takeHeld(): Uint8Array[] {
    this.#heldBytes = 0
    this.#neededBytes = 0
    return this.#held.splice(0)
  }

  /** Forgets what is held and hands on nothing more, unless resumed. */
  stop(): void {
    this.#paused = true
    this.#held = []
    this.#heldBytes = 0
  }

  #goOn(): void {
    while (
      !this.#paused &&
      !this.#running &&
      this.#heldBytes >= Math.max(this.#neededBytes, 1) &&
      this.problem === null
    ) {
      this.#run(this.#takeFirst())
    }
  }

  /** The first held chunk, or as many of them as one frame needs, joined. */
  #takeFirst(): Uint8Array {
    const [first] = this.#held as [Uint8Array]
    if (first.length >= this.#neededBytes) {
      this.#held.shift()
      this.#heldBytes -= first.length
      return first
    }
    const joined = new Uint8Array(this.#neededBytes)
    let at = 0
    let taken = 0
    while (at < joined.length) {
      const next = this.#held[taken] as Uint8Array
      const fits = Math.min(next.length, joined.length - at)
      joined.set(fits === next.length ? next : next.subarray(0, fits), at)
      at += fits
      if (fits === next.length) taken += 1
      else this.#held[taken] = next.subarray(fits)
    }
    this.#held.splice(0, taken)
    this.#heldBytes -= joined.length
    return joined
  }

  #run(bytes: Uint8Array): void {
    const length = bytes.length
    let at = 0
    this.#neededBytes = 0
    this.#running = true
    try {
      while (!this.#paused) {
        if (length - at < frameLengthBytes) {
          this.#neededBytes = frameLengthBytes
          break
        }
        const size = frameBytesAt(bytes, at)
        if (size - frameLengthBytes > this.#frameBytesMax) return this.#refuse('frame too long')
        if (size - frameLengthBytes < frameLengthMin) return this.#refuse('frame too short')
        if (length - at < size) {
          this.#neededBytes = size
          break
        }
        this.frameBytes = size
        if (this.#one(bytes, at + frameLengthBytes, at + size)) at += size
        else if (this.problem !== null) return
        else this.#paused = true
      }
    } finally {
      this.#running = false
    }
    if (at >= length || this.problem !== null) return
    this.#held.unshift(at === 0 ? bytes : bytes.subarray(at))
    this.#heldBytes += length - at
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
    return this.#sink.frame(type, flags, stream, sequence, bytes, at, end)
  }

  #refuse(problem: DecodeProblem): void {
    this.problem = problem
    this.#held = []
    this.#heldBytes = 0
  }
}
