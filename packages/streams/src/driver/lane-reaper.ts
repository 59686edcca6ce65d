import { type Logger, NodosumError, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import type { Reaped } from '../core/session-shapes.ts'
import type { StreamsOptions } from '../options.ts'
import type { Session } from './session.ts'
import type { SessionSnapshot } from './session-snapshot.ts'

/** What was found that nobody uses any more, and closed. */
export interface ReaperCounters {
  readonly lanes: number
  readonly byteStreams: number
  readonly sessions: number
}

/** Looks at all sessions from time to time, closes idle lanes, and ends what nobody uses. */
export class LaneReaper {
  readonly #scheduler: Scheduler
  readonly #logger: Logger
  readonly #leakAfterMs: number
  readonly #periodMs: number
  /** Since when each session has nobody who handles it; null while somebody does. */
  readonly #sessions = new Map<Session, number | null>()
  #counters = { lanes: 0, byteStreams: 0, sessions: 0 }
  #timer: TimerHandle | null = null

  constructor(scheduler: Scheduler, logger: Logger, options: StreamsOptions) {
    const { laneIdleMs, leakAfterMs } = options
    this.#scheduler = scheduler
    this.#logger = logger
    this.#leakAfterMs = leakAfterMs
    this.#periodMs = Math.max(1, Math.min(laneIdleMs, leakAfterMs) / 4)
  }

  get counters(): ReaperCounters {
    return { ...this.#counters }
  }

  /** Every session as it stands now, with at most so many lanes in all. */
  snapshots(lanesMax: number): SessionSnapshot[] {
    let left = lanesMax
    return [...this.#sessions.keys()].map((session) => {
      const snapshot = session.snapshot(left)
      left -= snapshot.lanes.length
      return snapshot
    })
  }

  add(session: Session): void {
    this.#sessions.set(session, null)
    this.#timer ??= this.#scheduler.after(this.#periodMs, this.#sweep)
  }

  remove(session: Session): void {
    this.#sessions.delete(session)
    if (this.#sessions.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }

  readonly #sweep = (): void => {
    this.#timer = null
    const nowMs = this.#scheduler.nowMs()
    for (const [session, unhandledMs] of [...this.#sessions]) {
      for (const reaped of session.sweep(nowMs)) this.#count(session, reaped)
      if (session.handler !== null) this.#sessions.set(session, null)
      else if (unhandledMs === null) this.#sessions.set(session, nowMs)
      else if (nowMs - unhandledMs >= this.#leakAfterMs) this.#end(session)
    }
    if (this.#sessions.size > 0) {
      this.#timer = this.#scheduler.after(this.#periodMs, this.#sweep)
    }
  }

  #end(session: Session): void {
    const why = 'nobody handles it'
    this.#count(session, { kind: 'session', name: `session ${session.id}`, why })
    const what = `nobody at this end handles the session to ${session.peer}`
    session.end(new NodosumError('ERR_NODOSUM_NO_HANDLER', what))
  }

  #count(session: Session, { kind, name, why }: Reaped): void {
    if (kind === 'lane') this.#counters.lanes += 1
    else if (kind === 'session') this.#counters.sessions += 1
    else this.#counters.byteStreams += 1
    this.#logger.warn(
      { event: 'streams.reaped', peer_id: session.peer, kind, name, why },
      `${kind} ${name} with ${session.peer} was closed: ${why}`,
    )
  }
}
