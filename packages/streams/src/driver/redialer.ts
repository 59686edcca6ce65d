import type { Logger, NodeId, Random, Scheduler } from '@nodosum/kernel'
import type { PeerEntry } from './peer-entry.ts'
import type { Session } from './session.ts'

/** First pause between two attempts. */
const baseMs = 20

/** The end that was dialed gives the other one so long before it dials. */
const dialedGraceMs = 100

/** A connection that stood so long ends a series of attempts. */
const lastingMs = 1_000

/** Gets sessions that lost their connection another one, at growing pauses. */
export class Redialer {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #logger: Logger
  readonly #pauseMaxMs: number
  readonly #ensure: (peer: NodeId) => Promise<Session>

  constructor(options: {
    scheduler: Scheduler
    random: Random
    logger: Logger
    pauseMaxMs: number
    ensure: (peer: NodeId) => Promise<Session>
  }) {
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#logger = options.logger
    this.#pauseMaxMs = options.pauseMaxMs
    this.#ensure = options.ensure
  }

  /** A session has no connection and should have one; the one that it has just lost stood so long. */
  schedule(session: Session, entry: PeerEntry, stoodMs: number): void {
    if (stoodMs >= lastingMs) entry.redials = 0
    if (entry.dial !== null || entry.redial !== null || entry.answering) return
    const graceMs = session.wasDialedByPeer ? dialedGraceMs : 0
    const most = Math.min(baseMs * 2 ** entry.redials, this.#pauseMaxMs)
    const pauseMs = entry.redials === 0 ? 0 : this.#random.float() * most
    entry.redials += 1
    entry.redial = this.#scheduler.after(graceMs + pauseMs, () => {
      entry.redial = null
      this.#dial(session, entry)
    })
  }

  #dial(session: Session, entry: PeerEntry): void {
    if (entry.session !== session || !session.needsConnection) return
    // When it fails, the table asks again.
    this.#ensure(session.peer).catch((error: unknown) => {
      const fields = { event: 'session.redial_failed', peer_id: session.peer, err: error }
      this.#logger.debug(fields, `no connection to ${session.peer} yet`)
    })
  }
}
