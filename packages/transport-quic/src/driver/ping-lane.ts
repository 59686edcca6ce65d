import { NodosumError } from '@nodosum/kernel'
import { ChunkQueue, outstandingPingsMax } from '@nodosum/transport'
import type { EngineConnection } from '../ports.ts'

/** What the pings of a connection need of it. */
export interface PingLaneOptions {
  readonly engine: EngineConnection
  readonly isDialer: boolean
  /** The other end, for messages. */
  readonly peer: string
  /** Must be unpredictable, or a peer could answer before it was asked. */
  readonly randomBytes: (length: number) => Uint8Array
  readonly nowMs: () => number
  /** Asks for a turn of the event loop. */
  readonly schedule: () => void
  /** The peer did what no peer of this version does. */
  readonly onViolation: (what: string) => void
}

interface Ping {
  readonly frame: Uint8Array
  readonly sentMs: number
  readonly resolve: (roundTripMs: number) => void
  readonly reject: (error: NodosumError) => void
}

/** RFC 9000, section 2.1: the first bidirectional stream of the client and of the server. */
const dialerStreamId = 0
const acceptorStreamId = 1
const frameBytes = 8
/** A peer that keeps to `outstandingPingsMax` never has more than this unanswered. */
const unansweredBytesMax = outstandingPingsMax * frameBytes

/**
 * Pings, since the engine does not tell whose packet an acknowledgement was for. The first stream
 * of each end is reserved for them and hidden from applications: its opener writes frames of 8
 * random bytes, the other end sends each back as it came. Nothing else is ever sent on it, and
 * neither end ends or resets it.
 */
export class PingLane {
  readonly #options: PingLaneOptions
  readonly #ownId: number
  readonly #peerId: number
  /** In the order of sending; also those that were cancelled. */
  readonly #outstanding: Ping[] = []
  readonly #questions = new ChunkQueue()
  readonly #echoes = new ChunkQueue()
  readonly #scratch = new Uint8Array(unansweredBytesMax + 1)
  /** The part of the next answer that has come. */
  readonly #answer = new Uint8Array(frameBytes)
  #answerBytes = 0

  constructor(options: PingLaneOptions) {
    this.#options = options
    this.#ownId = options.isDialer ? dialerStreamId : acceptorStreamId
    this.#peerId = options.isDialer ? acceptorStreamId : dialerStreamId
  }

  /** Rejects with LIMIT_PENDING, CANCELLED, or what `close` was given. */
  ping(signal: AbortSignal | undefined): Promise<number> {
    const { peer, nowMs, randomBytes, schedule } = this.#options
    if (signal?.aborted === true) return Promise.reject(cancelled(peer))
    if (this.#outstanding.length >= outstandingPingsMax) return Promise.reject(tooMany(peer))
    const frame = randomBytes(frameBytes)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#outstanding.push({ frame, sentMs: nowMs(), resolve, reject })
    this.#questions.push(frame)
    schedule()
    if (signal === undefined) return promise
    const onAbort = (): void => reject(cancelled(peer))
    signal.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  /** True for the streams that belong to pings. */
  owns(id: number): boolean {
    return id === this.#ownId || id === this.#peerId
  }

  /** Reads one of its two streams, which the engine called readable. */
  read(id: number): void {
    const read = this.#receive(id)
    if (read === null) return
    const [length, isEnd] = read
    if (isEnd) this.#options.onViolation('it ended a stream of pings')
    else if (id === this.#ownId) this.#answers(this.#scratch.subarray(0, length))
    else this.#question(this.#scratch.slice(0, length))
  }

  /** Hands what waits to the engine; what does not fit waits for the next turn. */
  write(): void {
    this.#send(this.#ownId, this.#questions)
    this.#send(this.#peerId, this.#echoes)
  }

  /** The connection is over. */
  close(error: NodosumError): void {
    for (const ping of this.#outstanding.splice(0)) ping.reject(error)
    this.#questions.clear()
    this.#echoes.clear()
  }

  #receive(id: number): readonly [number, boolean] | null {
    try {
      return this.#options.engine.streamRecv(id, this.#scratch)
    } catch {
      this.#options.onViolation('it reset a stream of pings')
      return null
    }
  }

  #answers(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#answer[this.#answerBytes] = byte
      this.#answerBytes += 1
      if (this.#answerBytes < frameBytes) continue
      this.#answerBytes = 0
      const [ping] = this.#outstanding
      if (ping === undefined || !isEqual(ping.frame, this.#answer)) {
        this.#options.onViolation('it answered a ping that was not sent')
        return
      }
      this.#outstanding.shift()
      ping.resolve(this.#options.nowMs() - ping.sentMs)
    }
  }

  #question(bytes: Uint8Array): void {
    if (this.#echoes.bytes + bytes.length > unansweredBytesMax) {
      this.#options.onViolation(`it has more than ${outstandingPingsMax} pings unanswered`)
      return
    }
    this.#echoes.push(bytes)
    this.#options.schedule()
  }

  #send(id: number, queue: ChunkQueue): void {
    try {
      for (let chunk = queue.front(); chunk !== undefined; chunk = queue.front()) {
        const sent = this.#options.engine.streamSend(id, chunk, false)
        if (sent === null) return
        queue.take(sent)
        if (sent < chunk.length) return
      }
    } catch {
      this.#options.onViolation('it stopped reading a stream of pings')
    }
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index])
}

function cancelled(peer: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `the ping to ${peer} was cancelled`)
}

function tooMany(peer: string): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_PENDING',
    `${outstandingPingsMax} pings to ${peer} wait for their answer already: await those first`,
    { details: { peer, outstandingPingsMax } },
  )
}
