import type { Supervisor } from '@nodosum/kernel'
import type { MembershipSnapshot } from '../core/effects.ts'
import type { SnapshotStore } from '../ports.ts'

/** Saves one snapshot after another; while a slow disk writes, only the newest one waits. */
export class SnapshotWriter {
  #waiting: MembershipSnapshot | null = null
  #isWriting = false
  readonly #store: SnapshotStore
  readonly #supervisor: Supervisor

  constructor(store: SnapshotStore, supervisor: Supervisor) {
    this.#store = store
    this.#supervisor = supervisor
  }

  load(): Promise<MembershipSnapshot | undefined> {
    return this.#store.load()
  }

  /** Never waits: membership goes on whatever the disk does. A failure is logged and counted. */
  save(snapshot: MembershipSnapshot): void {
    this.#waiting = snapshot
    if (this.#isWriting) return
    this.#isWriting = true
    this.#supervisor.run('snapshot', async () => {
      try {
        for (let next = this.#take(); next !== null; next = this.#take()) {
          await this.#store.save(next)
        }
      } finally {
        this.#isWriting = false
      }
    })
  }

  #take(): MembershipSnapshot | null {
    const next = this.#waiting
    this.#waiting = null
    return next
  }
}
