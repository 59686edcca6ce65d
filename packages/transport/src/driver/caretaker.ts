import { type Logger, NodosumError, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import type { HealthVerdict } from '../core/connection-health.ts'
import {
  newReplacement,
  type Replacement,
  type ReplacementReason,
  replacementReason,
  replacementStep,
} from '../core/replacement.ts'
import type { PoolSettings } from '../options.ts'
import type { PoolCounters } from './pool-snapshot.ts'
import type { PooledConnection } from './pooled-connection.ts'

/** What the caretaker looks after, and what it may have done. */
export interface CaretakerParts {
  readonly settings: PoolSettings
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly connections: () => Iterable<PooledConnection>
  readonly counters: PoolCounters
  /** How often the credentials have been reloaded. */
  readonly credentials: () => number
  /** Ends it at once and opens another. */
  readonly abandon: (pooled: PooledConnection, error: NodosumError) => void
  /** Closes it if both ends have nothing under way. */
  readonly retire: (pooled: PooledConnection) => void
  readonly replace: (pooled: PooledConnection) => void
}

/** Looks at every connection once in a while: is it alive, in use, too old? */
export class Caretaker {
  readonly #parts: CaretakerParts
  #timer: TimerHandle | null = null

  constructor(parts: CaretakerParts) {
    this.#parts = parts
  }

  /** Keeps looking as long as there are connections. */
  start(): void {
    this.#timer ??= this.#parts.scheduler.after(this.#parts.settings.sweepMs, () => {
      this.#timer = null
      this.#sweep()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #sweep(): void {
    const all = [...this.#parts.connections()]
    if (all.length > 0) this.start()
    for (const pooled of all) this.#look(pooled)
  }

  #look(pooled: PooledConnection): void {
    if (pooled.state === 'waiting' || pooled.state === 'closing') return
    const nowMs = this.#parts.scheduler.nowMs()
    pooled.noticeUse(nowMs)
    const verdict = this.#health(pooled, nowMs)
    if (verdict !== 'ok') this.#parts.abandon(pooled, this.#stalled(pooled, verdict))
    else if (pooled.state === 'active') this.#lifetime(pooled, nowMs)
  }

  #health(pooled: PooledConnection, nowMs: number): HealthVerdict {
    const { connection, health, use } = pooled
    const { receivedBytes } = connection.stats()
    const owed = use?.owed() ?? { waitingBytes: 0, movedBytes: 0 }
    const verdict = health.observe(nowMs, { receivedBytes, ...owed })
    if (verdict === 'ok' && health.isPingDue(nowMs)) {
      health.pinged(nowMs)
      connection.ping().then(
        (rttMs) => health.answered(rttMs),
        () => health.failed(),
      )
    }
    return verdict
  }

  #lifetime(pooled: PooledConnection, nowMs: number): void {
    const { settings } = this.#parts
    const reason = this.#reason(pooled, nowMs)
    if (reason !== null) {
      pooled.replacement ??= newReplacement(reason, nowMs)
      const step = replacementStep(pooled.replacement, pooled.connection.role, nowMs, settings)
      if (step === 'ask') this.#ask(pooled, pooled.replacement)
      else if (step === 'try') this.#parts.replace(pooled)
    } else if (nowMs - pooled.lastUsedMs >= settings.idleTimeoutMs && pooled.isIdle) {
      this.#parts.retire(pooled)
    }
  }

  #ask(pooled: PooledConnection, replacement: Replacement): void {
    pooled.replacement = { ...replacement, hasAsked: true }
    this.#parts.counters.replacementsAsked += 1
    pooled.use?.askToReplace()
  }

  #reason(pooled: PooledConnection, nowMs: number): ReplacementReason | null {
    const facts = {
      ageMs: nowMs - pooled.openedMs,
      ageLimitMs: pooled.ageLimitMs,
      sentPackets: pooled.connection.stats().sentPackets,
      isOutdated: pooled.credentials !== this.#parts.credentials(),
      isAsked: pooled.isAsked,
    }
    return replacementReason(facts, this.#parts.settings)
  }

  #stalled(pooled: PooledConnection, verdict: Exclude<HealthVerdict, 'ok'>): NodosumError {
    const { connection, peer } = pooled
    const { host, port } = connection.remote
    const { stallTimeoutMs } = this.#parts.settings
    const what =
      verdict === 'silent' ? 'a ping was not answered' : 'bytes that were owed did not move'
    const message = `the connection to ${peer ?? 'a peer'} at ${host}:${port} stalled: ${what} for ${stallTimeoutMs} ms`
    this.#parts.logger.warn(
      { event: 'connection.stalled', peer_id: peer, transport: connection.kind, verdict },
      message,
    )
    return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, {
      details: { peer, verdict, stallTimeoutMs },
    })
  }
}
