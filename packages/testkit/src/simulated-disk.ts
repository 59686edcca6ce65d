import {
  BoundedMap,
  invariant,
  type Random,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'

/** What the disk has done. */
export interface DiskCounters {
  readonly writes: number
  /** Writes that a loss of power undid. */
  readonly lostWrites: number
  /** Writes that were refused because the disk was full. */
  readonly refusedWrites: number
  readonly stalls: number
}

/** What a write came to: `full` when there was no room, and then nothing has changed. */
export type DiskWriteResult = 'durable' | 'full'

/** Files of a host on simulated time: they survive its processes, and not always its power. */
export interface SimulatedDisk {
  readonly counters: DiskCounters
  /** What was written last, durable or not; undefined when there is no such file. */
  read(name: string): Uint8Array | undefined
  /**
   * Replaces a file as a whole. What reads see changes at once; it is durable when `done` is
   * called, which a loss of power before that prevents. Writes become durable in their order.
   */
  write(name: string, bytes: Uint8Array, done?: (result: DiskWriteResult) => void): void
  /** Nothing becomes durable for so long; 0 ends a stall, for writes that follow. */
  stall(durationMs: number): void
  /** Every write that is not durable is lost, or is on the disk all the same: each draws. */
  losePower(): void
  /** A new, empty disk. */
  wipe(): void
  /** The durable files of another disk, as an image of a machine would have them. */
  cloneFrom(other: SimulatedDisk): void
}

/**
 * @param options.syncMs how long a write takes to become durable, in milliseconds; default 5
 * @param options.filesMax default 1,024
 * @param options.bytesMax of all files together; default 64 MiB
 */
export function simulatedDisk(options: {
  scheduler: Scheduler
  random: Random
  syncMs?: number
  filesMax?: number
  bytesMax?: number
}): SimulatedDisk {
  const { scheduler, random, syncMs = 5, filesMax = 1_024, bytesMax = 2 ** 26 } = options
  return new MemoryDisk(scheduler, random, { syncMs, filesMax, bytesMax })
}

interface PendingWrite {
  readonly name: string
  readonly bytes: Uint8Array
  readonly dueMs: number
  readonly done: ((result: DiskWriteResult) => void) | undefined
}

/** Writes that are not durable yet; one more is refused as if the disk were full. */
const pendingWritesMax = 65_536

class MemoryDisk implements SimulatedDisk {
  readonly counters = { writes: 0, lostWrites: 0, refusedWrites: 0, stalls: 0 }
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #limits: { syncMs: number; filesMax: number; bytesMax: number }
  readonly #durable: BoundedMap<string, Uint8Array>
  #pending: PendingWrite[] = []
  #stalledUntilMs = 0
  #timer: TimerHandle | null = null

  constructor(
    scheduler: Scheduler,
    random: Random,
    limits: { syncMs: number; filesMax: number; bytesMax: number },
  ) {
    this.#scheduler = scheduler
    this.#random = random
    this.#limits = limits
    this.#durable = new BoundedMap(limits.filesMax)
  }

  read(name: string): Uint8Array | undefined {
    const pending = this.#pending.findLast((write) => write.name === name)
    return (pending?.bytes ?? this.#durable.get(name))?.slice()
  }

  write(name: string, bytes: Uint8Array, done?: (result: DiskWriteResult) => void): void {
    this.counters.writes += 1
    if (!this.#hasRoom(name, bytes)) {
      this.counters.refusedWrites += 1
      this.#scheduler.after(0, () => done?.('full'))
      return
    }
    const dueMs = this.#scheduler.nowMs() + this.#limits.syncMs
    this.#pending.push({ name, bytes: new Uint8Array(bytes), dueMs, done })
    if (this.#pending.length === 1) this.#arm()
  }

  stall(durationMs: number): void {
    if (durationMs > 0) this.counters.stalls += 1
    this.#stalledUntilMs = this.#scheduler.nowMs() + durationMs
    this.#arm()
  }

  losePower(): void {
    for (const { name, bytes } of this.#pending.splice(0)) {
      if (this.#random.float() < 0.5) this.counters.lostWrites += 1
      else this.#durable.set(name, bytes)
    }
  }

  wipe(): void {
    this.#pending = []
    this.#durable.clear()
  }

  cloneFrom(other: SimulatedDisk): void {
    invariant(other instanceof MemoryDisk, 'only a simulated disk can be cloned')
    if (other === this) return
    this.wipe()
    for (const [name, bytes] of other.#durable) this.#durable.set(name, bytes)
  }

  /** One timer, for the write that is due first. */
  #arm(): void {
    this.#timer?.cancel()
    const [first] = this.#pending
    if (first === undefined) return
    const atMs = Math.max(first.dueMs, this.#stalledUntilMs)
    this.#timer = this.#scheduler.after(atMs - this.#scheduler.nowMs(), () => this.#sync())
  }

  #sync(): void {
    const nowMs = this.#scheduler.nowMs()
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      if (next.dueMs > nowMs || this.#stalledUntilMs > nowMs) break
      this.#pending.shift()
      this.#durable.set(next.name, next.bytes)
      next.done?.('durable')
    }
    this.#arm()
  }

  #hasRoom(name: string, bytes: Uint8Array): boolean {
    if (this.#pending.length >= pendingWritesMax) return false
    const sizes = new Map<string, number>()
    for (const [file, content] of this.#durable) sizes.set(file, content.length)
    for (const write of this.#pending) sizes.set(write.name, write.bytes.length)
    sizes.set(name, bytes.length)
    let total = 0
    for (const size of sizes.values()) total += size
    return sizes.size <= this.#limits.filesMax && total <= this.#limits.bytesMax
  }
}
