import type { PoolSettings } from '../options.ts'

/** What is read of a connection at each look. */
export interface HealthReading {
  /** Bytes that came from the network; it only grows. */
  readonly receivedBytes: number
  /** Bytes that the peer would take at any time and that still wait here. */
  readonly waitingBytes: number
  /** Such bytes that have left; it only grows. */
  readonly movedBytes: number
}

/** `silent`: a ping is owed an answer and nothing comes. `stuck`: bytes wait and none leave. */
export type HealthVerdict = 'ok' | 'silent' | 'stuck'

/** Round trips as pings saw them, in milliseconds; null before the first answer. */
export interface PingStats {
  readonly lastRttMs: number | null
  readonly smoothedRttMs: number | null
  readonly minRttMs: number | null
  readonly answered: number
  /** Pings without an answer when their connection was given up or the next one was due. */
  readonly unanswered: number
}

/** Weight of a new sample, as in TCP's smoothed round trip time (RFC 6298). */
const smoothing = 1 / 8

/**
 * Watches one connection. Time counts as a stall only as far as this process watched: each look
 * adds two periods at most, so a process that was stopped for a minute blames nobody.
 */
export class ConnectionHealth {
  readonly #settings: Pick<PoolSettings, 'pingMs' | 'stallTimeoutMs' | 'sweepMs'>
  #lookedMs: number
  #nextPingMs: number
  #isPingOut = false
  #receivedBytes = 0
  #movedBytes = 0
  #silentMs = 0
  #stuckMs = 0
  #lastRttMs: number | null = null
  #smoothedRttMs: number | null = null
  #minRttMs: number | null = null
  #answered = 0
  #unanswered = 0

  constructor(
    settings: Pick<PoolSettings, 'pingMs' | 'stallTimeoutMs' | 'sweepMs'>,
    nowMs: number,
  ) {
    this.#settings = settings
    this.#lookedMs = nowMs
    this.#nextPingMs = nowMs
  }

  get pings(): PingStats {
    return {
      lastRttMs: this.#lastRttMs,
      smoothedRttMs: this.#smoothedRttMs,
      minRttMs: this.#minRttMs,
      answered: this.#answered,
      unanswered: this.#unanswered,
    }
  }

  /** Whether a ping is to be sent now; one at a time. */
  isPingDue(nowMs: number): boolean {
    return !this.#isPingOut && nowMs >= this.#nextPingMs
  }

  pinged(nowMs: number): void {
    this.#isPingOut = true
    this.#nextPingMs = nowMs + this.#settings.pingMs
  }

  answered(rttMs: number): void {
    this.#isPingOut = false
    this.#answered += 1
    this.#lastRttMs = rttMs
    this.#minRttMs = Math.min(this.#minRttMs ?? rttMs, rttMs)
    const before = this.#smoothedRttMs ?? rttMs
    this.#smoothedRttMs = before + (rttMs - before) * smoothing
  }

  /** The ping was given up: its connection ends, or it could not be sent. */
  failed(): void {
    this.#isPingOut = false
    this.#unanswered += 1
  }

  /** One look. */
  observe(nowMs: number, reading: HealthReading): HealthVerdict {
    const { sweepMs, stallTimeoutMs } = this.#settings
    const sinceMs = Math.min(nowMs - this.#lookedMs, 2 * sweepMs)
    this.#lookedMs = nowMs
    const isSilent = this.#isPingOut && reading.receivedBytes === this.#receivedBytes
    const isStuck = reading.waitingBytes > 0 && reading.movedBytes === this.#movedBytes
    this.#receivedBytes = reading.receivedBytes
    this.#movedBytes = reading.movedBytes
    this.#silentMs = isSilent ? this.#silentMs + sinceMs : 0
    this.#stuckMs = isStuck ? this.#stuckMs + sinceMs : 0
    if (this.#silentMs >= stallTimeoutMs) return 'silent'
    return this.#stuckMs >= stallTimeoutMs ? 'stuck' : 'ok'
  }
}
