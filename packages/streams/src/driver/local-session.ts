import type { NodeId, Scheduler } from '@nodosum/kernel'
import { firstWindowBytes } from '../options.ts'
import type { ByteStream, Connection, ConnectionCloseReason } from '../ports.ts'
import type { Established, Self } from './handshake.ts'
import { Session, type SessionParts } from './session.ts'

/** What may be on its way inside this process before `write` says stop. */
const localWindowBytes = 262_144

/**
 * The session of a node with itself: the same frames, bounds and outcomes as with any other, over
 * memory instead of a socket, so that a handler cannot tell and a payload is never shared.
 */
export function localSession(
  self: Self,
  id: string,
  parts: SessionParts,
  onSession: (session: Session) => void,
): Session {
  const { scheduler, options } = parts
  const connections = connectionPair(self.nodeId, scheduler)
  const controls = streamPair(scheduler)
  const open = (side: 0 | 1): [Session, Established] => {
    const established: Established = {
      connection: connections[side],
      peer: { ...self, windowBytes: firstWindowBytes(options) },
      dialer: self.nodeId,
      attachment: 1,
      session: id,
      controlBytes: controls[side],
      takeEarly: () => [],
    }
    return [new Session({ established, self: self.nodeId, parts }), established]
  }
  const [near, far] = [open(0), open(1)]
  for (const [session] of [far, near]) onSession(session)
  for (const [session, established] of [far, near]) session.attach(established)
  return near[0]
}

class LocalConnection implements Connection {
  readonly kind = 'local'
  readonly remote = { host: '127.0.0.1', port: 0 }
  readonly peer: { nodeId: NodeId; uri: string }
  onStream: ((stream: ByteStream) => void) | null = null
  onClosed: ((reason: ConnectionCloseReason) => void) | null = null
  other: LocalConnection | null = null

  readonly #scheduler: Scheduler

  constructor(nodeId: NodeId, scheduler: Scheduler) {
    this.peer = { nodeId, uri: '' }
    this.#scheduler = scheduler
  }

  openStream(): ByteStream {
    const [near, far] = streamPair(this.#scheduler)
    this.other?.onStream?.(far)
    return near
  }

  async close(reason?: { code?: number; reason?: string }): Promise<void> {
    const { other } = this
    this.other = null
    if (other === null) return
    await new Promise<void>((resolve) => void this.#scheduler.immediate(resolve))
    other.other = null
    const code = reason?.code ?? 0
    other.onClosed?.({ code, reason: reason?.reason ?? '', remote: true, error: null })
  }
}

class LocalStream implements ByteStream {
  readonly id = 0
  onWritable: (() => void) | null = null
  onData: ((chunk: Uint8Array) => void) | null = null
  onEnd: (() => void) | null = null
  onReset: ((code: number) => void) | null = null
  other: LocalStream | null = null
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #paused = false
  #ended = false
  #scheduled = false
  #starved = false
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** What this end wrote and the other has not been given. */
  get bufferedBytes(): number {
    return this.other === null ? 0 : this.other.#queuedBytes
  }

  write(chunk: Uint8Array): boolean {
    const { other } = this
    if (other === null) return false
    // Its writer uses the memory again, and a handler may keep what it gets. The slice of a Buffer
    // would be a view.
    other.#queue.push(new Uint8Array(chunk))
    other.#queuedBytes += chunk.length
    other.#wake()
    if (other.#queuedBytes < localWindowBytes) return true
    this.#starved = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wake()
  }

  end(): void {
    if (this.other === null) return
    this.other.#ended = true
    this.other.#wake()
  }

  reset(code: number): void {
    const { other } = this
    this.other = null
    if (other !== null) other.other = null
    other?.onReset?.(code)
  }

  #wake(): void {
    if (this.#scheduled || this.#paused) return
    this.#scheduled = true
    this.#scheduler.immediate(this.#deliver)
  }

  readonly #deliver = (): void => {
    this.#scheduled = false
    while (!this.#paused && this.#queue.length > 0) {
      const chunk = this.#queue.shift() as Uint8Array
      this.#queuedBytes -= chunk.length
      this.onData?.(chunk)
    }
    const writer = this.other
    if (writer !== null && writer.#starved && this.#queuedBytes * 2 < localWindowBytes) {
      writer.#starved = false
      writer.onWritable?.()
    }
    if (this.#ended && this.#queue.length === 0 && !this.#paused) {
      this.#ended = false
      this.onEnd?.()
    }
  }
}

function streamPair(scheduler: Scheduler): [LocalStream, LocalStream] {
  const near = new LocalStream(scheduler)
  const far = new LocalStream(scheduler)
  near.other = far
  far.other = near
  return [near, far]
}

function connectionPair(nodeId: NodeId, scheduler: Scheduler): [LocalConnection, LocalConnection] {
  const near = new LocalConnection(nodeId, scheduler)
  const far = new LocalConnection(nodeId, scheduler)
  near.other = far
  far.other = near
  return [near, far]
}
