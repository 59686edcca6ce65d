import type { Logger, NodeId, Random, Scheduler } from '@nodosum/kernel'
import type { Connection } from '../contract.ts'
import { postponed } from '../core/replacement.ts'
import type { PoolSettings } from '../options.ts'
import type { ConnectionUse } from '../ports.ts'
import type { PoolCounters } from './pool-snapshot.ts'
import type { PooledConnection } from './pooled-connection.ts'

/** What replacing needs of the pool around it. */
export interface ReplacerParts {
  readonly settings: Pick<PoolSettings, 'replaceRetryMs' | 'replaceWithinMs'>
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly counters: PoolCounters
  readonly dial: (peer: NodeId, signal: AbortSignal) => Promise<Connection>
}

/** Make before break: the new connection comes up before the old one is touched. */
export class Replacer {
  readonly #parts: ReplacerParts

  constructor(parts: ReplacerParts) {
    this.#parts = parts
  }

  /** One try; a connection that cannot be replaced now goes on, and is due again later. */
  async replace(pooled: PooledConnection): Promise<void> {
    const { use, replacement } = pooled
    if (use === null || replacement === null) return
    const { counters, logger, random, scheduler, settings } = this.#parts
    pooled.state = 'replacing'
    if (await this.#moves(pooled, use)) {
      counters.replaced += 1
      const fields = { event: 'connection.replaced', peer_id: use.peer, reason: replacement.reason }
      logger.info(fields, `the connection to ${use.peer} was replaced`)
      return
    }
    counters.replacementsPostponed += 1
    pooled.replacement = postponed(replacement, scheduler.nowMs(), settings, random)
    if (pooled.state === 'replacing') pooled.state = 'active'
  }

  async #moves(pooled: PooledConnection, use: ConnectionUse): Promise<boolean> {
    const gone = new AbortController()
    void pooled.connection.closed.then(() => gone.abort())
    let next: Connection
    try {
      next = await this.#parts.dial(use.peer, gone.signal)
    } catch {
      // Logged and counted as every failed dial; the old connection still works.
      return false
    }
    const isMoved = await use.moveTo(next)
    if (!isMoved) void next.close({ reason: 'nothing goes over it' })
    return isMoved
  }
}
