import { type AbortSignal, NodosumError } from '@nodosum/kernel'

interface Ping {
  readonly number: number
  readonly sentMs: number
  readonly resolve: (roundTripMs: number) => void
  readonly reject: (error: NodosumError) => void
}

/** Pings of one connection that may wait at once; the contract's bound. */
const outstandingPingsMax = 16

/** Pings that wait for their answer. */
export class SimulatedPings {
  readonly #send: (number: number) => void
  readonly #nowMs: () => number
  #waiting: Ping[] = []
  #sent = 0

  constructor(send: (number: number) => void, nowMs: () => number) {
    this.#send = send
    this.#nowMs = nowMs
  }

  ping(signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted === true) return Promise.reject(cancelled())
    if (this.#waiting.length >= outstandingPingsMax) return Promise.reject(tooMany())
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#sent += 1
    this.#waiting.push({ number: this.#sent, sentMs: this.#nowMs(), resolve, reject })
    this.#send(this.#sent)
    if (signal === undefined) return promise
    const onAbort = (): void => reject(cancelled())
    signal.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  answer(number: number): void {
    const ping = this.#waiting.find((one) => one.number === number)
    if (ping === undefined) return
    this.#waiting = this.#waiting.filter((one) => one !== ping)
    ping.resolve(this.#nowMs() - ping.sentMs)
  }

  close(error: NodosumError): void {
    for (const ping of this.#waiting.splice(0)) ping.reject(error)
  }
}

function cancelled(): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', 'the ping was cancelled')
}

function tooMany(): NodosumError {
  const message = `${outstandingPingsMax} pings wait for their answer already: await those first`
  return new NodosumError('ERR_NODOSUM_LIMIT_PENDING', message)
}
