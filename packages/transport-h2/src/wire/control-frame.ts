/**
 * What the ends tell each other about streams on the control stream: frames of 13 bytes, namely
 * type, stream id (64 bits) and code (32 bits), big-endian.
 */
import { readUint32, writeUint32 } from './farewell.ts'

/** `open`: the dialer shall open this stream for the acceptor. `reset`: it is over, both ways. */
export interface ControlFrame {
  readonly kind: 'open' | 'reset'
  /** 0 to 2^53-1. */
  readonly stream: number
  /** 0 to 2^32-1; 0 for `open`. */
  readonly code: number
}

const frameBytes = 13
const openType = 1
const resetType = 2
const idHighMax = 2 ** 21

export function encodeControlFrame({ kind, stream, code }: ControlFrame): Uint8Array {
  const bytes = new Uint8Array(frameBytes)
  bytes[0] = kind === 'open' ? openType : resetType
  writeUint32(bytes, 1, Math.floor(stream / 2 ** 32))
  writeUint32(bytes, 5, stream >>> 0)
  writeUint32(bytes, 9, code)
  return bytes
}

/** Cuts chunks of the control stream into frames. */
export class ControlFrameDecoder {
  /** The beginning of a frame whose end has not come yet. */
  readonly #partial: Uint8Array = new Uint8Array(frameBytes)
  #partialBytes = 0

  /**
   * The frames that a chunk completes, or undefined when it is not this protocol. After that the
   * decoder must not be used any more.
   */
  push(chunk: Uint8Array): readonly ControlFrame[] | undefined {
    const frames: ControlFrame[] = []
    let at = 0
    while (at < chunk.length) {
      const part = chunk.subarray(at, at + frameBytes - this.#partialBytes)
      this.#partial.set(part, this.#partialBytes)
      this.#partialBytes += part.length
      at += part.length
      if (this.#partialBytes < frameBytes) break
      this.#partialBytes = 0
      const frame = decodeFrame(this.#partial)
      if (frame === undefined) return undefined
      frames.push(frame)
    }
    return frames
  }
}

function decodeFrame(bytes: Uint8Array): ControlFrame | undefined {
  const type = bytes[0]
  const high = readUint32(bytes, 1)
  const code = readUint32(bytes, 9)
  if ((type !== openType && type !== resetType) || high >= idHighMax) return undefined
  if (type === openType && code !== 0) return undefined
  const stream = high * 2 ** 32 + readUint32(bytes, 5)
  return { kind: type === openType ? 'open' : 'reset', stream, code }
}
