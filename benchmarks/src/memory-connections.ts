/** Connections inside one process: bytes change hands without a copy, a socket or a cipher. */
import type { ByteStream, Connection } from '@nodosum/streams'

/** Handed over and not taken, before `write` says stop. */
const windowBytes = 1_048_576

class MemoryStream implements ByteStream {
  readonly id: number
  onWritable: (() => void) | null = null
  onData: ((chunk: Uint8Array) => void) | null = null
  onEnd: (() => void) | null = null
  onReset: ((code: number) => void) | null = null
  other: MemoryStream | null = null
  /** Nothing arrives here. */
  isStill = false
  #arrived: Uint8Array[] = []
  #arrivedBytes = 0
  #isScheduled = false
  #isStarved = false
  #isEnded = false

  constructor(id: number) {
    this.id = id
  }

  get bufferedBytes(): number {
    return this.other === null ? 0 : this.other.#arrivedBytes
  }

  write(chunk: Uint8Array): boolean {
    const { other } = this
    if (other === null) return false
    other.#arrived.push(chunk)
    other.#arrivedBytes += chunk.length
    other.#schedule()
    this.#isStarved = other.#arrivedBytes >= windowBytes
    return !this.#isStarved
  }

  end(): void {
    if (this.other === null) return
    this.other.#isEnded = true
    this.other.#schedule()
  }

  reset(code: number): void {
    const { other } = this
    this.cut()
    other?.cut()
    other?.onReset?.(code)
  }

  cut(): void {
    this.other = null
    this.#arrived = []
  }

  pause(): void {
    throw new Error('sessions and messages always read')
  }

  resume(): void {}

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#deliver)
  }

  readonly #deliver = (): void => {
    this.#isScheduled = false
    if (this.isStill) return
    const arrived = this.#arrived
    this.#arrived = []
    this.#arrivedBytes = 0
    for (const chunk of arrived) this.onData?.(chunk)
    const writer = this.other
    if (writer !== null && writer.#isStarved) {
      writer.#isStarved = false
      writer.onWritable?.()
    }
    if (!this.#isEnded || this.#arrived.length > 0) return
    this.#isEnded = false
    this.onEnd?.()
  }
}

export class MemoryConnection implements Connection {
  readonly kind = 'memory'
  readonly remote = { host: '127.0.0.1', port: 1 }
  readonly peer: Connection['peer']
  onStream: Connection['onStream'] = null
  onClosed: Connection['onClosed'] = null
  other: MemoryConnection | null = null
  readonly #streams: MemoryStream[] = []

  constructor(peer: Connection['peer']) {
    this.peer = peer
  }

  openStream(): MemoryStream {
    const id = this.#streams.length
    const [near, far] = [new MemoryStream(id), new MemoryStream(id)]
    near.other = far
    far.other = near
    this.#streams.push(near)
    const { other } = this
    if (other === null) return near
    other.#streams.push(far)
    setImmediate(() => other.onStream?.(far))
    return near
  }

  /** Nothing arrives any more, in either direction, as on a path that has just died. */
  standStill(): void {
    const { other } = this
    for (const stream of this.#streams) stream.isStill = true
    if (other !== null) for (const stream of other.#streams) stream.isStill = true
  }

  async close(reason: { code?: number; reason?: string } = {}): Promise<void> {
    const { other } = this
    this.other = null
    if (other === null) return
    other.other = null
    for (const stream of this.#streams) stream.cut()
    for (const stream of other.#streams) stream.cut()
    const said = { code: reason.code ?? 0, reason: reason.reason ?? '', error: null }
    setImmediate(() => {
      other.onClosed?.({ ...said, remote: true })
      this.onClosed?.({ ...said, remote: false })
    })
  }
}

/** Two ends; each says who is at the other. */
export function memoryConnections(
  near: Connection['peer'],
  far: Connection['peer'],
): [near: MemoryConnection, far: MemoryConnection] {
  const [one, other] = [new MemoryConnection(far), new MemoryConnection(near)]
  one.other = other
  other.other = one
  return [one, other]
}
