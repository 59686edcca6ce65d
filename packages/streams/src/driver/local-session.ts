import type { NodeId, Scheduler } from '@nodosum/kernel'
import type { StreamsOptions } from '../options.ts'
import type { ByteStream, Connection, ConnectionCloseReason } from '../ports.ts'
import { FrameDecoder } from '../wire/frame-decoder.ts'
import { protocolVersions } from '../wire/hello.ts'
import type { ControlSink, Established, Self } from './handshake.ts'
import { OutgoingLane } from './outgoing-lane.ts'
import { Session } from './session.ts'

/** What may be on its way inside this process before `write` says stop. */
const localWindowBytes = 262_144

/** Both ends take the peer for the dialer and count from after its HELLO and CONFIRM. */
const helloFrames = 2

interface LocalOptions {
  readonly self: Self
  readonly scheduler: Scheduler
  readonly options: StreamsOptions
  readonly schedule: (lane: OutgoingLane) => void
}

/**
 * The session of a node with itself: the same frames, bounds and outcomes as with any other, over
 * memory instead of a socket, so that a handler cannot tell and a payload is never shared.
 */
export function localSession(options: LocalOptions): [near: Session, far: Session] {
  const [a, b] = connectionPair(options)
  const controls = streamPair(options.scheduler)
  return [end(options, a, controls[0]), end(options, b, controls[1])]
}

function end(options: LocalOptions, connection: LocalConnection, bytes: LocalStream): Session {
  let sink: ControlSink | null = null
  const decoder = new FrameDecoder({
    frameBytesMax: options.options.messageBytesMax + 1_024,
    sink: {
      frame: (type, _flags, _stream, sequence, chunk, start, at) =>
        sink?.(type, sequence + helloFrames, chunk, start, at),
    },
  })
  bytes.onData = (chunk) => decoder.push(chunk)
  const established: Established = {
    connection,
    peer: {
      versionMin: protocolVersions.min,
      versionMax: protocolVersions.max,
      features: 0,
      cluster: options.self.cluster,
      nodeId: options.self.nodeId,
      bootId: options.self.bootId,
      expected: options.self.nodeId,
      attachment: 1,
    },
    dialer: options.self.nodeId,
    attachment: 1,
    control: new OutgoingLane({
      stream: 0,
      bytes,
      bufferBytesMax: options.options.controlBufferBytesMax,
      schedule: options.schedule,
    }),
    controlBytes: bytes,
    controlDecoder: decoder,
    setControlSink: (given) => {
      sink = given
    },
  }
  return new Session({
    established,
    scheduler: options.scheduler,
    options: options.options,
    schedule: options.schedule,
    onClosed: () => undefined,
  })
}

class LocalConnection implements Connection {
  readonly kind = 'local'
  readonly remote = { host: '127.0.0.1', port: 0 }
  readonly peer: { nodeId: NodeId; uri: string }
  onStream: ((stream: ByteStream) => void) | null = null
  onClosed: ((reason: ConnectionCloseReason) => void) | null = null
  other: LocalConnection | null = null

  readonly #scheduler: Scheduler

  constructor({ self, scheduler }: LocalOptions) {
    this.peer = { nodeId: self.nodeId, uri: '' }
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
    other.#queue.push(chunk)
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

function connectionPair(options: LocalOptions): [LocalConnection, LocalConnection] {
  const near = new LocalConnection(options)
  const far = new LocalConnection(options)
  near.other = far
  far.other = near
  return [near, far]
}
