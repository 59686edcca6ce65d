import { BoundedMap, TokenBucket } from '@nodosum/kernel'

/** How much an application of this node takes; 0 is no limit. */
export interface QuotaSettings {
  readonly ratePerSecond: number
  readonly bytesPerSecond: number
  readonly peerRatePerSecond: number
  readonly peerBytesPerSecond: number
  readonly peerRequestsMax: number
}

const unlimited: QuotaSettings = {
  ratePerSecond: 0,
  bytesPerSecond: 0,
  peerRatePerSecond: 0,
  peerBytesPerSecond: 0,
  peerRequestsMax: 0,
}
const quotaNames = Object.keys(unlimited) as (keyof QuotaSettings)[]

/** Why a request is refused, and when it may come again. */
export interface QuotaRefusal {
  readonly limit: string
  readonly retryAfterMs: number
}

/** One rate by number and one by bytes. */
class Rates {
  readonly #calls: TokenBucket | null
  readonly #bytes: TokenBucket | null

  constructor(callsPerSecond: number, bytesPerSecond: number, nowMs: number) {
    this.#calls = bucket(callsPerSecond, nowMs)
    this.#bytes = bucket(bytesPerSecond, nowMs)
  }

  callsWaitMs(nowMs: number): number {
    return this.#calls?.msUntil(nowMs) ?? 0
  }

  bytesWaitMs(nowMs: number): number {
    return this.#bytes?.msUntil(nowMs) ?? 0
  }

  spend(bytes: number, nowMs: number): void {
    this.#calls?.spend(nowMs)
    this.#bytes?.spend(nowMs, bytes)
  }
}

interface PeerQuota {
  readonly rates: Rates
  requests: number
}

/** Beyond so many peers the one that came first is forgotten, and begins with full buckets. */
const peersMax = 4_096

/** When a request comes again that was refused because as many of its node run as may. */
const busyRetryMs = 100

/** How many requests and messages, and how many bytes, one application of this node takes. */
export class Quotas {
  #settings: QuotaSettings
  #rates: Rates
  #isLimited = false
  readonly #peers = new BoundedMap<string, PeerQuota>(peersMax)

  constructor(settings: QuotaSettings, nowMs: number) {
    this.#settings = unlimited
    this.#rates = new Rates(0, 0, nowMs)
    this.use(settings, nowMs)
  }

  /** Other settings; the buckets begin full where a quota has changed. */
  use(settings: QuotaSettings, nowMs: number): void {
    if (quotaNames.every((name) => settings[name] === this.#settings[name])) return
    this.#settings = settings
    this.#rates = new Rates(settings.ratePerSecond, settings.bytesPerSecond, nowMs)
    this.#isLimited = quotaNames.some((name) => settings[name] > 0)
    for (const [peer, { requests }] of this.#peers) {
      this.#peers.set(peer, { rates: this.#peerRates(nowMs), requests })
    }
  }

  /** False when there is nothing to ask. */
  get isLimited(): boolean {
    return this.#isLimited
  }

  /** Takes a request, whose end `finished` has to hear of, or says why not. */
  admit(peer: string, bytes: number, nowMs: number): QuotaRefusal | null {
    const quota = this.#of(peer, nowMs)
    const { peerRequestsMax } = this.#settings
    if (peerRequestsMax > 0 && quota.requests >= peerRequestsMax) {
      return { limit: 'peerRequestsMax', retryAfterMs: busyRetryMs }
    }
    const longest = this.#longestWait(quota, nowMs)
    if (longest !== null) return longest
    this.#rates.spend(bytes, nowMs)
    quota.rates.spend(bytes, nowMs)
    quota.requests += 1
    return null
  }

  finished(peer: string): void {
    const quota = this.#peers.get(peer)
    if (quota !== undefined && quota.requests > 0) quota.requests -= 1
  }

  /** Counts a message that has been handed on. */
  spend(peer: string, bytes: number, nowMs: number): void {
    this.#rates.spend(bytes, nowMs)
    this.#of(peer, nowMs).rates.spend(bytes, nowMs)
  }

  /** Milliseconds until the next message of this peer may be handed on. */
  waitMs(peer: string, nowMs: number): number {
    return this.#longestWait(this.#of(peer, nowMs), nowMs)?.retryAfterMs ?? 0
  }

  #longestWait({ rates }: PeerQuota, nowMs: number): QuotaRefusal | null {
    const waits = [
      { limit: 'ratePerSecond', retryAfterMs: this.#rates.callsWaitMs(nowMs) },
      { limit: 'bytesPerSecond', retryAfterMs: this.#rates.bytesWaitMs(nowMs) },
      { limit: 'peerRatePerSecond', retryAfterMs: rates.callsWaitMs(nowMs) },
      { limit: 'peerBytesPerSecond', retryAfterMs: rates.bytesWaitMs(nowMs) },
    ]
    let longest: QuotaRefusal | null = null
    for (const wait of waits) {
      if (wait.retryAfterMs > (longest?.retryAfterMs ?? 0)) longest = wait
    }
    return longest
  }

  #of(peer: string, nowMs: number): PeerQuota {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    const oldest = this.#peers.oldestKey()
    if (this.#peers.isFull && oldest !== undefined) this.#peers.delete(oldest)
    const quota = { rates: this.#peerRates(nowMs), requests: 0 }
    this.#peers.set(peer, quota)
    return quota
  }

  #peerRates(nowMs: number): Rates {
    const { peerRatePerSecond, peerBytesPerSecond } = this.#settings
    return new Rates(peerRatePerSecond, peerBytesPerSecond, nowMs)
  }
}

/** Holds a second's worth: a burst after a quiet time is no excess. */
function bucket(ratePerSecond: number, nowMs: number): TokenBucket | null {
  if (ratePerSecond === 0) return null
  return new TokenBucket({ ratePerSecond, burst: Math.max(1, ratePerSecond), nowMs })
}
