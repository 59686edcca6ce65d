import type { PacketSize } from '../core/packet-size.ts'
import type { EngineConnection } from '../ports.ts'

/** What the probes of a connection need of it. */
export interface PathProbesOptions {
  readonly engine: EngineConnection
  readonly size: PacketSize
  /** Sends what the engine has as one datagram of at most so many bytes; 0 when it has nothing. */
  readonly sendOne: (bytesMax: number) => number
  /** The size of packets has changed. */
  readonly onChanged: (bytes: number) => void
}

/** First byte of a message, then the number of the probe, big-endian; a probe is padded with zeros. */
const kindProbe = 1
const kindAnswer = 2
const messageBytes = 5
/** Header with the connection id and the longest packet number, tag, and the frame's own header. */
const overheadBytes = 1 + 20 + 4 + 16 + 3
/** Datagrams read in one turn; the engine keeps a few and drops the oldest. */
const readsMax = 16
/** An acknowledgement and stream data may go first. */
const attemptsMax = 3
const timeoutMsMin = 300
const timeoutRoundTrips = 4

/**
 * Probes of the path, as QUIC datagrams (RFC 9221): encrypted like everything else, sent once and
 * never repeated, so that their loss tells something.
 */
export class PathProbes {
  readonly #options: PathProbesOptions
  readonly #message = Buffer.alloc(messageBytes)
  readonly #isSupported: boolean
  #lostPackets = 0

  constructor(options: PathProbesOptions) {
    this.#options = options
    this.#isSupported = options.engine.dgramMaxWritableLen() !== null
  }

  get deadlineMs(): number {
    return this.#isSupported ? this.#options.size.deadlineMs : Number.POSITIVE_INFINITY
  }

  /** The engine's timer fired: what was sent is unacknowledged for long. */
  timedOut(nowMs: number): void {
    const { size, onChanged } = this.#options
    if (this.#isSupported && size.doubt(nowMs, true)) onChanged(size.bytes)
  }

  /** So many packets were lost up to now; more than last time cast a doubt. */
  lost(packets: number, nowMs: number): void {
    if (packets > this.#lostPackets && this.#isSupported) this.#options.size.doubt(nowMs, false)
    this.#lostPackets = packets
  }

  /** Reads what the peer asked and answered. */
  read(nowMs: number): void {
    const { engine, size, onChanged } = this.#options
    for (let reads = 0; reads < readsMax; reads += 1) {
      const length = receive(engine, scratch)
      if (length === null) return
      if (length < messageBytes) continue
      const number = scratch.readUInt32BE(1)
      if (scratch[0] === kindProbe) this.#send(kindAnswer, number, messageBytes)
      else if (scratch[0] === kindAnswer && size.answered(number, nowMs)) onChanged(size.bytes)
    }
  }

  /** Sends a probe if one is due. Before other packets: these may use up the congestion window. */
  step(nowMs: number, rttMs: number): void {
    if (nowMs < this.deadlineMs) return
    const { engine, size, sendOne, onChanged } = this.#options
    const before = size.bytes
    const receivedPackets = engine.stats().recv
    const probe = size.next(nowMs, receivedPackets)
    if (size.bytes !== before) onChanged(size.bytes)
    if (probe === null || !this.#send(kindProbe, probe.number, probe.bytes - overheadBytes)) return
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const bytes = sendOne(probe.bytes)
      if (engine.dgramSendQueueLen() > 0) continue
      const timeoutMs = Math.max(timeoutMsMin, timeoutRoundTrips * rttMs)
      size.sent(probe, bytes, nowMs, timeoutMs, receivedPackets)
      return
    }
    engine.dgramPurgeOutgoing((message) => message[0] === kindProbe)
    size.hadNoRoom(nowMs)
  }

  #send(kind: number, number: number, length: number): boolean {
    const message = length === messageBytes ? this.#message : Buffer.alloc(length)
    message[0] = kind
    message.writeUInt32BE(number, 1)
    try {
      this.#options.engine.dgramSend(message)
      return true
    } catch {
      // The peer takes none: sizes stay as they are.
      return false
    }
  }
}

/** The longest that the engine takes. */
const scratch = Buffer.alloc(65_536)

function receive(engine: EngineConnection, buffer: Uint8Array): number | null {
  try {
    return engine.dgramRecv(buffer)
  } catch {
    return null
  }
}
