import { BoundedQueue, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import { Admission, type Occupancy, type Verdict } from '../core/admission.ts'
import type { PoolSettings } from '../options.ts'
import type { PooledConnection } from './pooled-connection.ts'

/** What the gate does with the connections that come to it. */
export interface AcceptGateParts {
  readonly settings: PoolSettings
  readonly scheduler: Scheduler
  readonly occupancy: (source: string) => Omit<Occupancy, 'queued'>
  /** It is its turn. */
  readonly take: (pooled: PooledConnection) => void
}

/** Where accepted connections pass one by one: counted, at a bounded rate, in their order. */
export class AcceptGate {
  readonly #parts: AcceptGateParts
  readonly #admission: Admission
  readonly #queue: BoundedQueue<PooledConnection>
  #timer: TimerHandle | null = null

  constructor(parts: AcceptGateParts) {
    this.#parts = parts
    this.#admission = new Admission(parts.settings, parts.scheduler.nowMs())
    this.#queue = new BoundedQueue(parts.settings.acceptQueueMax)
  }

  /** Connections that wait for their turn. */
  get waiting(): number {
    return this.#queue.size
  }

  /** What happens to a connection from this address; to be asked before it counts. */
  decide(source: string): Verdict {
    const occupancy = { ...this.#parts.occupancy(source), queued: this.waiting }
    return this.#admission.decide(this.#parts.scheduler.nowMs(), occupancy)
  }

  /** Lets a connection wait for its turn. */
  wait(pooled: PooledConnection): void {
    this.#queue.offer(pooled)
    this.#arm()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#queue.clear()
  }

  #arm(): void {
    if (this.#timer !== null || this.#queue.size === 0) return
    const { scheduler } = this.#parts
    const waitMs = this.#admission.msUntilNext(scheduler.nowMs())
    this.#timer = scheduler.after(waitMs, () => {
      this.#timer = null
      this.#pass()
    })
  }

  #pass(): void {
    for (;;) {
      const next = this.#queue.peek()
      if (next === undefined) return
      if (next.state !== 'waiting') {
        // It closed while it waited, which costs nothing.
        this.#queue.poll()
      } else if (this.#admission.mayTakeNext(this.#parts.scheduler.nowMs())) {
        this.#queue.poll()
        this.#parts.take(next)
      } else {
        this.#arm()
        return
      }
    }
  }
}
