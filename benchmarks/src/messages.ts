/** Messages on a lane of bytes: length and body, batched per turn of the event loop. */
import type { Receiver, Sender, Work } from './subject.ts'

/** A lane of bytes, as sockets and streams have it. */
export interface Lane {
  /** False asks to stop until `onWritable`. */
  write(chunk: Uint8Array): boolean
  onWritable: (() => void) | null
  onData: ((chunk: Uint8Array) => void) | null
}

const slabBytes = 65_536
const headBytes = 4

/** Writes messages into slabs; a slab leaves when it is full, or at the end of the turn. */
export class MessageWriter {
  readonly #lane: Lane
  readonly #take: (bytes: number) => Buffer
  #slab: Buffer
  #used = 0
  #immediate: NodeJS.Immediate | null = null
  #isFull = false
  #onRoom: (() => void) | null = null

  /** @param take where slabs come from, unless they are used once */
  constructor(lane: Lane, take: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#lane = lane
    this.#take = take
    this.#slab = take(slabBytes)
    lane.onWritable = () => {
      this.#isFull = false
      const onRoom = this.#onRoom
      this.#onRoom = null
      onRoom?.()
    }
  }

  /** False when the lane is full; the message was taken in any event. */
  write(body: Uint8Array): boolean {
    const bytes = headBytes + body.length
    if (this.#used + bytes > this.#slab.length) this.#flush(bytes)
    const slab = this.#slab
    slab.writeUInt32LE(body.length, this.#used)
    slab.set(body, this.#used + headBytes)
    this.#used += bytes
    this.#immediate ??= setImmediate(this.#endTurn)
    return !this.#isFull
  }

  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve
    })
  }

  readonly #endTurn = (): void => {
    this.#immediate = null
    this.#flush(0)
  }

  #flush(neededBytes: number): void {
    if (this.#used > 0 && !this.#lane.write(this.#slab.subarray(0, this.#used))) {
      this.#isFull = true
    }
    if (this.#used > 0 || neededBytes > this.#slab.length) {
      this.#slab = this.#take(Math.max(slabBytes, neededBytes))
    }
    this.#used = 0
  }
}

/** Cuts what arrives into messages and calls back for each. */
export function readMessages(lane: Lane, onMessage: (body: Uint8Array) => void): void {
  let chunks: Buffer[] = []
  let held = 0
  let needed = headBytes
  lane.onData = (bytes) => {
    let chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (held > 0) {
      chunks.push(chunk)
      held += chunk.length
      // Large messages come in many chunks: joined once, not with every chunk.
      if (held < needed) return
      chunk = Buffer.concat(chunks, held)
      chunks = []
      held = 0
    }
    let at = 0
    while (chunk.length - at >= headBytes) {
      needed = headBytes + chunk.readUInt32LE(at)
      if (chunk.length - at < needed) break
      onMessage(chunk.subarray(at + headBytes, at + needed))
      at += needed
      needed = headBytes
    }
    if (at < chunk.length) {
      chunks.push(chunk.subarray(at))
      held = chunk.length - at
    }
  }
}

/** The receiving process of one-way work; `serve` listens and hands over each lane. */
export async function receiveMessages(
  serve: (onLane: (lane: Lane) => void) => Promise<{ port: number; close(): Promise<void> }>,
): Promise<Receiver> {
  let left = 0
  let finished: (atNs: bigint) => void = () => undefined
  const server = await serve((lane) => {
    readMessages(lane, () => {
      left -= 1
      if (left === 0) finished(process.hrtime.bigint())
    })
  })
  return {
    address: server.port,
    expect(work, done) {
      left = work.count
      finished = done
    },
    close: () => server.close(),
  }
}

/** The sending process of one-way work. */
export function sendMessages(lane: Lane, close: () => Promise<void>): Sender {
  const writer = new MessageWriter(lane)
  return {
    async run(work: Work) {
      const body = new Uint8Array(work.bytes).fill(1)
      const startedNs = process.hrtime.bigint()
      for (let sent = 0; sent < work.count; sent++) {
        if (!writer.write(body)) await writer.room()
      }
      return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs: [] }
    },
    close,
  }
}
