import type { HostPort } from '@nodosum/transport'
import type { Engine, RetryTokens } from '../ports.ts'
import type { InitialFields } from '../wire/long-header.ts'
import { connectionIdBytes } from '../wire/long-header.ts'

/** How long a token may have been used and still be good otherwise. */
const usedForMs = 10_000

/** What becomes of a dialer's first packet. */
export type RetryVerdict =
  | { readonly kind: 'retry'; readonly packet: Uint8Array }
  /** The token shows that the dialer is where it says; `commit` uses the token up. */
  | { readonly kind: 'admit'; readonly originalId: Uint8Array; readonly commit: () => void }
  | { readonly kind: 'drop' }

/**
 * Lets in only dialers that get what is sent to their address, without remembering those that it
 * asks: the token carries everything. Each token opens one connection.
 */
export class RetryGate {
  readonly #tokens: RetryTokens
  readonly #randomBytes: (length: number) => Uint8Array
  /** Retry ids that opened a connection, by the period in which they did; two periods at most. */
  #used = new Set<string>()
  #usedBefore = new Set<string>()
  #period = 0

  constructor(tokens: RetryTokens, randomBytes: (length: number) => Uint8Array) {
    this.#tokens = tokens
    this.#randomBytes = randomBytes
  }

  judge(engine: Engine, packet: InitialFields, from: HostPort, nowMs: number): RetryVerdict {
    const { destinationId, sourceId, token } = packet
    if (token.length === 0) {
      const retryId = this.#randomBytes(connectionIdBytes)
      const fresh = this.#tokens.issue({ from, retryId, originalId: destinationId }, nowMs)
      const words = { sourceId, destinationId, retryId, token: fresh }
      return { kind: 'retry', packet: engine.retry(words) }
    }
    const originalId = this.#tokens.check(token, { from, retryId: destinationId }, nowMs)
    const use = Buffer.from(destinationId).toString('latin1')
    if (originalId === undefined || this.#wasUsed(use, nowMs)) return { kind: 'drop' }
    return { kind: 'admit', originalId, commit: () => void this.#used.add(use) }
  }

  #wasUsed(use: string, nowMs: number): boolean {
    const period = Math.floor(nowMs / usedForMs)
    if (period !== this.#period) {
      this.#usedBefore = period === this.#period + 1 ? this.#used : new Set()
      this.#used = new Set()
      this.#period = period
    }
    return this.#used.has(use) || this.#usedBefore.has(use)
  }
}
