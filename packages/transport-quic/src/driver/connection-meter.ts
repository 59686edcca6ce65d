import type { EngineConnection } from '../ports.ts'

/** What only the engine knows. */
export interface EngineReading {
  readonly rttMs: number
  readonly congestionWindowBytes: number
  readonly lostPackets: number
}

/** Asking costs the engine 9 us and a walk over its paths. */
const betweenReadingsMs = 1_000

/** Counts a connection's traffic, and reads the engine's figures at most once a second. */
export class ConnectionMeter {
  receivedBytes = 0
  receivedPackets = 0
  sentBytes = 0
  sentPackets = 0
  readonly #engine: EngineConnection
  #reading: EngineReading = { rttMs: 0, congestionWindowBytes: 0, lostPackets: 0 }
  #readMs: number = Number.NEGATIVE_INFINITY

  constructor(engine: EngineConnection) {
    this.#engine = engine
  }

  received(bytes: number): void {
    this.receivedBytes += bytes
    this.receivedPackets += 1
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
