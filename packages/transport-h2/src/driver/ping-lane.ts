import { NodosumError } from '@nodosum/kernel'
import { outstandingPingsMax } from '@nodosum/transport'
import type { EngineSession } from '../ports.ts'

/** How much a new sample counts (RFC 6298, section 2). */
const smoothing = 1 / 8

/** The pings of one connection and the round trip time that they measured. */
export class PingLane {
  /** Smoothed; 0 before the first sample. */
  rttMs = 0
  readonly #peer: string
  readonly #waiting = new Set<(error: NodosumError) => void>()
  #session: EngineSession | null = null
  /** Pings of callers without an answer, also those that were cancelled. */
  #outstanding = 0
  #isAskingForLife = false

  /** @param peer the other end, for messages */
  constructor(peer: string) {
    this.#peer = peer
  }

  use(session: EngineSession): void {
    this.#session = session
  }

  ping(signal?: AbortSignal): Promise<number> {
    const session = this.#session
    if (session === null) return Promise.reject(this.#lost())
    if (signal?.aborted === true) return Promise.reject(this.#cancelled())
    if (this.#outstanding >= outstandingPingsMax) {
      const message = `${outstandingPingsMax} pings to ${this.#peer} wait for their answer already`
      return Promise.reject(new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message))
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const onAbort = (): void => fail(this.#cancelled())
    const fail = (error: NodosumError): void => {
      signal?.removeEventListener('abort', onAbort)
      this.#waiting.delete(fail)
      reject(error)
    }
    const isSent = session.ping((error, roundTripMs) => {
      this.#outstanding -= 1
      if (error !== null) {
        fail(this.#lost())
        return
      }
      this.#sampled(roundTripMs)
      signal?.removeEventListener('abort', onAbort)
      this.#waiting.delete(fail)
      resolve(roundTripMs)
    })
    if (!isSent) return Promise.reject(this.#lost())
    this.#outstanding += 1
    this.#waiting.add(fail)
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  /** Asks a silent peer for a sign of life; not again before the answer came. */
  askForLife(): void {
    if (this.#isAskingForLife || this.#session === null) return
    this.#isAskingForLife = this.#session.ping((error, roundTripMs) => {
      this.#isAskingForLife = false
      if (error === null) this.#sampled(roundTripMs)
    })
  }

  /** The connection is over. */
  close(): void {
    this.#session = null
    for (const fail of [...this.#waiting]) fail(this.#lost())
  }

  #sampled(roundTripMs: number): void {
    this.rttMs =
      this.rttMs === 0 ? roundTripMs : this.rttMs + (roundTripMs - this.rttMs) * smoothing
  }

  #lost(): NodosumError {
    const message = `the connection to ${this.#peer} is closing or closed: dial again`
    return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message)
  }

  #cancelled(): NodosumError {
    return new NodosumError('ERR_NODOSUM_CANCELLED', `the ping to ${this.#peer} was cancelled`)
  }
}
