import { invariant } from '@nodosum/kernel'
import type { ByteStream } from '../ports.ts'
import { frameHeaderBytesMax, frameHeaderLength, writeFrameHeader } from '../wire/frame.ts'

/** Frames of one turn of the event loop share buffers of this size. */
const slabBytes = 65_536

/** A rest of a slab that is smaller than this is left to the garbage collector. */
const slabRestBytesMin = 4_096

/**
 * The sending end of one stream: gathers the frames of one turn of the event loop into few large
 * buffers and writes them at its end, so a frame costs a header and one copy of its body.
 */
export class OutgoingLane {
  readonly stream: number
  /** Called when there is room again after `hasRoom` said no. */
  onRoom: (() => void) | null = null
  /** While true the lane counts as closed: its session may be about to end. */
  isHeld = false
  #sequence = 0
  #slab: Uint8Array = new Uint8Array(0)
  #start = 0
  #at = 0
  #full: Uint8Array[] = []
  #waitingBytes = 0
  #blocked = false
  #starved = false
  #dead = false
  #writtenBytes = 0
  readonly #bytes: ByteStream
  readonly #bufferBytesMax: number
  readonly #schedule: (lane: OutgoingLane) => void
  #scheduled = false

  constructor(options: {
    stream: number
    bytes: ByteStream
    bufferBytesMax: number
    /** Asks for `flush` at the end of this turn. */
    schedule: (lane: OutgoingLane) => void
  }) {
    this.stream = options.stream
    this.#bytes = options.bytes
    this.#bufferBytesMax = options.bufferBytesMax
    this.#schedule = options.schedule
    this.#bytes.onWritable = () => {
      this.#blocked = false
      this.flush()
    }
  }

  /** The sequence of the last frame; 0 before the first. */
  get sequence(): number {
    return this.#sequence
  }

  /** Bytes that wait here and in the transport. */
  get bufferedBytes(): number {
    return this.#waitingBytes + this.#bytes.bufferedBytes
  }

  /** Bytes that wait here because the transport takes no more for now. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Bytes that the transport has taken since the lane was opened. */
  get movedBytes(): number {
    return this.#writtenBytes - this.#bytes.bufferedBytes
  }

  /** Whether frames are refused. */
  get closed(): boolean {
    return this.#dead || this.isHeld
  }

  /** Whether a frame with a body of this size fits below the buffer limit. */
  hasRoom(bodyLength: number): boolean {
    const fits = this.#waitingBytes + bodyLength + frameHeaderBytesMax <= this.#bufferBytesMax
    if (!fits) this.#starved = true
    return fits
  }

  /** Where `frame` left the body to be written; read it after each call of `frame`. */
  get buffer(): Uint8Array {
    return this.#slab
  }

  /**
   * Starts the next frame and returns the offset in `buffer` at which exactly `bodyLength` bytes
   * have to be written before anything else happens.
   */
  frame(type: number, flags: number, bodyLength: number): number {
    invariant(!this.#dead, 'a frame was written to a lane that is closed')
    const sequence = ++this.#sequence
    const need = frameHeaderLength(this.stream, sequence) + bodyLength
    if (this.#at + need > this.#slab.length) this.#roll(need)
    const offset = this.#at
    this.#at += need
    this.#waitingBytes += need
    if (!this.#scheduled) {
      this.#scheduled = true
      this.#schedule(this)
    }
    return writeFrameHeader(this.#slab, offset, type, flags, this.stream, sequence, bodyLength)
  }

  /** Hands what waits to the transport, as far as it takes it. */
  flush(): void {
    this.#scheduled = false
    if (this.#dead) return
    this.#cut()
    let taken = 0
    while (!this.#blocked && taken < this.#full.length) {
      const chunk = this.#full[taken++] as Uint8Array
      this.#waitingBytes -= chunk.length
      this.#writtenBytes += chunk.length
      if (!this.#bytes.write(chunk)) this.#blocked = true
    }
    if (taken > 0) this.#full.splice(0, taken)
    if (this.#starved && this.#waitingBytes * 2 <= this.#bufferBytesMax) {
      this.#starved = false
      this.onRoom?.()
    }
  }

  /** Writes what waits and half-closes. */
  end(): void {
    if (this.#dead) return
    this.#blocked = false
    this.flush()
    for (const chunk of this.#full.splice(0)) this.#bytes.write(chunk)
    this.#waitingBytes = 0
    this.#dead = true
    this.#bytes.end()
  }

  /** Forgets what waits; the connection is gone. */
  drop(): void {
    this.#dead = true
    this.#full = []
    this.#waitingBytes = 0
    this.#bytes.onWritable = null
    this.onRoom = null
  }

  #cut(): void {
    if (this.#at === this.#start) return
    this.#full.push(this.#slab.subarray(this.#start, this.#at))
    this.#start = this.#at
  }

  #roll(need: number): void {
    this.#cut()
    const length = need > slabBytes - slabRestBytesMin ? need : slabBytes
    this.#slab = Buffer.allocUnsafeSlow(length)
    this.#start = 0
    this.#at = 0
  }
}
