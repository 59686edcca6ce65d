/** What is told first: a node's word about itself, then who lives, who does not, and the rest. */
export const priorities = ['refutation', 'alive', 'gone', 'suspect', 'metadata', 'event'] as const

export type Priority = (typeof priorities)[number]

interface Slot {
  readonly key: string
  bytes: Uint8Array
  priority: number
  sent: number
  /** False once it is outdated or told often enough. */
  live: boolean
}

/**
 * What is still to be told: one slot for each (subject, kind), so that a newer statement replaces
 * the older, told a bounded number of times, the most urgent and least told first.
 */
export class Dissemination {
  #size = 0
  readonly #max: number
  readonly #waiting: number[] = priorities.map(() => 0)
  readonly #slots = new Map<string, Slot>()
  /** By priority, then by how often they were told; dead slots are swept on the way. */
  readonly #queues: Slot[][][] = priorities.map(() => [])

  constructor(slotsMax: number) {
    this.#max = slotsMax
  }

  get size(): number {
    return this.#size
  }

  /** How many statements of one priority wait. */
  waiting(priority: Priority): number {
    return this.#waiting[priorities.indexOf(priority)] as number
  }

  /** False when there is no room; anti-entropy brings then what is not told. */
  tell(subject: string, kind: string, priority: Priority, bytes: Uint8Array): boolean {
    const key = `${kind}:${subject}`
    const before = this.#slots.get(key)
    if (before !== undefined) this.#end(before)
    else if (this.#size >= this.#max && !this.#evict(priorities.indexOf(priority))) return false
    const slot = { key, bytes, priority: priorities.indexOf(priority), sent: 0, live: true }
    this.#slots.set(key, slot)
    this.#count(slot, 1)
    this.#queue(slot)
    return true
  }

  /** Changes what a slot says without telling it any more often; nothing without a slot. */
  amend(subject: string, kind: string, bytes: Uint8Array): void {
    const slot = this.#slots.get(`${kind}:${subject}`)
    if (slot !== undefined) slot.bytes = bytes
  }

  withdraw(subject: string, kind: string): void {
    const slot = this.#slots.get(`${kind}:${subject}`)
    if (slot !== undefined) this.#end(slot)
  }

  /**
   * Takes what fits: `offer` is called for each and says whether the statement was taken.
   *
   * @param limit how often each is told
   */
  take(limit: number, offer: (bytes: Uint8Array) => boolean): void {
    if (this.#size === 0) return
    let misses = 0
    const taken: Slot[] = []
    for (const queue of this.#queues) {
      for (let sent = 0; sent < queue.length && misses < missesMax; sent += 1) {
        const slots = queue[sent] as Slot[]
        if (slots.length === 0) continue
        const kept: Slot[] = []
        let at = 0
        for (; at < slots.length && misses < missesMax; at += 1) {
          const slot = slots[at] as Slot
          if (!slot.live) continue
          if (offer(slot.bytes)) taken.push(slot)
          else {
            misses += 1
            kept.push(slot)
          }
        }
        slots.splice(0, at, ...kept)
      }
    }
    // Only now, so that none is taken twice for one packet.
    for (const slot of taken) {
      slot.sent += 1
      if (slot.sent >= limit) this.#end(slot)
      else this.#queue(slot)
    }
  }

  #queue(slot: Slot): void {
    const queue = this.#queues[slot.priority] as Slot[][]
    while (queue.length <= slot.sent) queue.push([])
    queue[slot.sent]?.push(slot)
  }

  #end(slot: Slot): void {
    if (!slot.live) return
    slot.live = false
    this.#slots.delete(slot.key)
    this.#count(slot, -1)
  }

  #count({ priority }: Slot, by: 1 | -1): void {
    this.#size += by
    this.#waiting[priority] = (this.#waiting[priority] as number) + by
  }

  /** Makes room among what is not more urgent: the most told goes. */
  #evict(priority: number): boolean {
    for (let at = this.#queues.length - 1; at >= priority; at -= 1) {
      const queue = this.#queues[at] as Slot[][]
      for (let sent = queue.length - 1; sent >= 0; sent -= 1) {
        const slot = queue[sent]?.find(({ live }) => live)
        if (slot === undefined) continue
        this.#end(slot)
        return true
      }
    }
    return false
  }
}

/** So many statements that do not fit end the search: the packet is full. */
const missesMax = 8
