import type { EngineConnection } from '../ports.ts'

/** What only the engine knows. */
export interface EngineReading {
  readonly rttMs: number
  readonly congestionWindowBytes: number
  readonly lostPackets: number
}

/** A walk over its paths costs the engine 9 us. */
const betweenReadingsMs = 1_000

/**
 * The figures of a connection. What it has sent is counted here. What it has received only the engine
 * can say: whoever has seen the connection's id can send datagrams to it, and the engine drops without
 * a word what it cannot decrypt.
 */
export class ConnectionMeter {
  sentBytes = 0
  sentPackets = 0
  readonly #engine: EngineConnection
  #reading: EngineReading = { rttMs: 0, congestionWindowBytes: 0, lostPackets: 0 }
  #readMs: number = Number.NEGATIVE_INFINITY
  #heardPackets = 0

  constructor(engine: EngineConnection) {
    this.#engine = engine
  }

  /** Of packets of the peer. */
  get receivedBytes(): number {
    return this.#engine.stats().recvBytes
  }

  /** Has the peer been heard since this was asked the last time? */
  hasHeardPeer(): boolean {
    const before = this.#heardPackets
    this.#heardPackets = this.#engine.stats().recv
    return this.#heardPackets > before
  }

  sent({ bytes, packets }: { readonly bytes: number; readonly packets: number }): void {
    this.sentBytes += bytes
    this.sentPackets += packets
  }

  /** A second old at most. */
  reading(nowMs: number): EngineReading {
    if (nowMs - this.#readMs < betweenReadingsMs) return this.#reading
    this.#readMs = nowMs
    const path = this.#engine.pathStats()[0]
    const { lost } = this.#engine.stats()
    this.#reading = {
      rttMs: path?.rtt ?? 0,
      congestionWindowBytes: path?.cwnd ?? 0,
      lostPackets: lost,
    }
    return this.#reading
  }
}
