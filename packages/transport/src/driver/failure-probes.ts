import { type Logger, type NodeId, NodosumError, type Scheduler } from '@nodosum/kernel'
import type { PoolSettings } from '../options.ts'
import type { PooledConnection } from './pooled-connection.ts'

/** What probing needs of the pool around it. */
export interface FailureProbesParts {
  readonly settings: Pick<PoolSettings, 'probeTimeoutMs'>
  readonly scheduler: Scheduler
  readonly logger: Logger
  /** Ends it at once. */
  readonly abandon: (pooled: PooledConnection, error: NodosumError) => void
}

/** The time of a probe is counted in so many looks. */
const looksPerProbe = 4

/**
 * Asks connections for a sign of life when somebody says that their peer has failed: a word of
 * others is reason to look, not to end what works.
 */
export class FailureProbes {
  readonly #parts: FailureProbesParts
  readonly #probed = new Set<PooledConnection>()

  constructor(parts: FailureProbesParts) {
    this.#parts = parts
  }

  /** Abandons the connection if nothing comes within `probeTimeoutMs`; one probe at a time. */
  start(pooled: PooledConnection): void {
    if (this.#probed.has(pooled)) return
    this.#probed.add(pooled)
    const over = (): void => void this.#probed.delete(pooled)
    // One that cannot be sent or loses its connection needs no verdict.
    pooled.connection.ping().then(over, over)
    this.#look(pooled, pooled.connection.stats().receivedBytes, 0)
  }

  /** Ends all probes without a verdict. */
  stop(): void {
    this.#probed.clear()
  }

  #look(pooled: PooledConnection, receivedBytes: number, looks: number): void {
    const { scheduler, settings } = this.#parts
    const lookMs = settings.probeTimeoutMs / looksPerProbe
    const lookedMs = scheduler.nowMs()
    scheduler.after(lookMs, () => {
      if (!this.#probed.has(pooled)) return
      if (pooled.connection.stats().receivedBytes !== receivedBytes) {
        this.#probed.delete(pooled)
        return
      }
      // A process that stood still has not listened, and what came meanwhile is not read yet.
      const hasListened = scheduler.nowMs() - lookedMs <= 2 * lookMs
      const counted = hasListened ? looks + 1 : looks
      if (counted < looksPerProbe) return this.#look(pooled, receivedBytes, counted)
      this.#probed.delete(pooled)
      this.#parts.abandon(pooled, this.#silent(pooled))
    })
  }

  #silent({ connection, peer }: PooledConnection): NodosumError {
    const { host, port } = connection.remote
    const { probeTimeoutMs } = this.#parts.settings
    const message = `the connection to ${peer as NodeId} at ${host}:${port} is given up: others say that it has failed, and a ping was not answered within ${probeTimeoutMs} ms`
    this.#parts.logger.warn(
      { event: 'connection.stalled', peer_id: peer, transport: connection.kind, verdict: 'failed' },
      message,
    )
    const details = { peer, verdict: 'failed', probeTimeoutMs }
    return new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message, { details })
  }
}
