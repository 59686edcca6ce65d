import {
  isNodosumError,
  type Logger,
  NodosumError,
  type Scheduler,
  type Supervisor,
  type TimerHandle,
} from '@nodosum/kernel'
import type { MembershipSnapshot } from '../core/effects.ts'
import type { SnapshotStore } from '../ports.ts'

/** What could not be written is tried again after this long, also when nothing has changed. */
const retryMs = 30_000

/**
 * Saves one snapshot after another; while a slow disk writes, only the newest one waits. A disk that
 * takes nothing stops nobody: it is logged once, shows as `problem`, and is tried again.
 */
export class SnapshotWriter {
  /** Why the newest snapshot is not on disk; null when it is, or as far as is known. */
  problem: NodosumError | null = null
  #waiting: MembershipSnapshot | null = null
  #isWriting = false
  #retry: TimerHandle | null = null
  #closed = false
  readonly #store: SnapshotStore
  readonly #supervisor: Supervisor
  readonly #scheduler: Scheduler
  readonly #logger: Logger

  constructor(options: {
    store: SnapshotStore
    supervisor: Supervisor
    scheduler: Scheduler
    logger: Logger
  }) {
    this.#store = options.store
    this.#supervisor = options.supervisor
    this.#scheduler = options.scheduler
    this.#logger = options.logger
  }

  /** What an earlier start left; null also for what cannot be used, of which the log warns. */
  async load(): Promise<MembershipSnapshot | null> {
    const { snapshot, problem } = await this.#store.load()
    if (problem !== null) {
      const fields = { event: 'snapshot.unusable', error_code: problem.code, err: problem }
      this.#logger.warn(fields, problem.message)
    }
    return snapshot
  }

  /** Never waits: membership goes on whatever the disk does. */
  save(snapshot: MembershipSnapshot): void {
    this.#waiting = snapshot
    this.#write()
  }

  /** What fails from now on is not tried again. */
  close(): void {
    this.#closed = true
    this.#retry?.cancel()
  }

  #write(): void {
    if (this.#isWriting) return
    this.#retry?.cancel()
    this.#isWriting = true
    this.#supervisor.run('snapshot', async () => {
      for (let next = this.#take(); next !== null; next = this.#take()) {
        try {
          await this.#store.save(next)
          this.#saved()
        } catch (error) {
          this.#failed(error)
          this.#waiting ??= next
          break
        }
      }
      this.#isWriting = false
    })
  }

  #take(): MembershipSnapshot | null {
    const next = this.#waiting
    this.#waiting = null
    return next
  }

  #saved(): void {
    if (this.problem === null) return
    this.problem = null
    this.#logger.info({ event: 'snapshot.saved' }, 'what membership keeps is on disk again')
  }

  #failed(cause: unknown): void {
    const error = isNodosumError(cause)
      ? cause
      : new NodosumError('ERR_NODOSUM_STORE_FAILED', `nothing is kept: ${cause}`, { cause })
    const isNew = this.problem?.code !== error.code
    this.problem = error
    if (!this.#closed) this.#retry = this.#scheduler.after(retryMs, () => this.#write())
    if (!isNew) return
    const fields = { event: 'snapshot.failed', error_code: error.code, err: error }
    this.#logger.error(fields, error.message)
  }
}
