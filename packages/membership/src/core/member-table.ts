import { BoundedMap, type NodeId, type Random } from '@nodosum/kernel'
import { Digest } from './digest.ts'
import type { Entry } from './entry.ts'
import { isGone } from './member.ts'
import { Ring } from './ring.ts'
import type { ProtocolRules } from './rules.ts'

/**
 * What this node believes of everybody, with the indexes that make each question cheap: who is
 * present, who failed, the ring, the digest. This node's own entry is on the ring and in the
 * digest, and in nothing else.
 */
export class MemberTable {
  readonly ring: Ring = new Ring()
  readonly digest: Digest = new Digest()
  /** Counts what changes the digest, so that others can tell whether it stood still. */
  revision = 0
  readonly #self: Entry
  readonly #rules: ProtocolRules
  readonly #entries: BoundedMap<NodeId, Entry>
  readonly #present: Entry[] = []
  readonly #failed: Entry[] = []
  readonly #gone = new Set<Entry>()

  constructor(self: Entry, membersMax: number, rules: ProtocolRules) {
    this.#self = self
    this.#rules = rules
    this.#entries = new BoundedMap(membersMax)
    this.#index(self)
  }

  /** Those who take part, this node included. */
  get size(): number {
    return this.#present.length + 1
  }

  /** The others who take part, in no order that means anything. */
  get present(): readonly Entry[] {
    return this.#present
  }

  get failed(): readonly Entry[] {
    return this.#failed
  }

  get(nodeId: NodeId): Entry | undefined {
    return this.#entries.get(nodeId)
  }

  all(): MapIterator<Entry> {
    return this.#entries.values()
  }

  /** False when the table is full of those who take part. */
  add(entry: Entry, nowMs: number): boolean {
    entry.sinceMs = Math.floor(nowMs)
    if (!this.#entries.set(entry.nodeId, entry)) {
      if (!this.#dropLongestGone()) return false
      this.#entries.set(entry.nodeId, entry)
    }
    this.#index(entry)
    return true
  }

  /** Changes an entry and everything that depends on it. */
  change(entry: Entry, nowMs: number, change: () => void): void {
    const { state } = entry
    const wasPresent = !isGone(state)
    const hash = this.#rules.countsInDigest(state) ? entry.digestHash() : 0
    change()
    entry.changed()
    const isPresent = !isGone(entry.state)
    const hashAfter = this.#rules.countsInDigest(entry.state) ? entry.digestHash() : 0
    if (hash !== hashAfter) {
      this.digest.toggle(entry, hash ^ hashAfter)
      this.revision += 1
    }
    if (state !== entry.state) entry.sinceMs = Math.floor(nowMs)
    if (wasPresent !== isPresent) this.#place(entry)
    this.#placeFailed(entry)
  }

  /** Some of those who take part, drawn at random; `isWanted` may refuse. */
  pick(random: Random, count: number, isWanted: (entry: Entry) => boolean = always): Entry[] {
    const found: Entry[] = []
    const size = this.#present.length
    // A few draws too many instead of a copy of everybody.
    for (let tries = 0; tries < 4 * count && found.length < Math.min(count, size); tries += 1) {
      const entry = random.pick(this.#present) as Entry
      if (!found.includes(entry) && isWanted(entry)) found.push(entry)
    }
    if (size <= 4 * count) {
      const rest = this.#present.filter((entry) => !found.includes(entry) && isWanted(entry))
      while (found.length < count && rest.length > 0) {
        found.push(...rest.splice(random.integer(0, rest.length - 1), 1))
      }
    }
    return found
  }

  /** Forgets who has been gone for longer than `rememberMs`. */
  forget(nowMs: number, rememberMs: number): void {
    for (const entry of this.#gone) if (nowMs - entry.sinceMs > rememberMs) this.#drop(entry)
  }

  #index(entry: Entry): void {
    this.digest.list(entry)
    if (this.#rules.countsInDigest(entry.state)) this.digest.toggle(entry, entry.digestHash())
    this.revision += 1
    this.#place(entry)
    this.#placeFailed(entry)
  }

  #place(entry: Entry): void {
    if (isGone(entry.state)) {
      this.ring.remove(entry)
      this.#gone.add(entry)
      takeOut(this.#present, entry, 'presentAt')
    } else {
      this.ring.add(entry)
      this.#gone.delete(entry)
      if (entry !== this.#self) putIn(this.#present, entry, 'presentAt')
    }
  }

  #placeFailed(entry: Entry): void {
    if (entry.state === 'failed' && entry !== this.#self) putIn(this.#failed, entry, 'failedAt')
    else takeOut(this.#failed, entry, 'failedAt')
  }

  #dropLongestGone(): boolean {
    let oldest: Entry | null = null
    for (const entry of this.#gone) {
      if (oldest === null || entry.sinceMs < oldest.sinceMs) oldest = entry
    }
    if (oldest !== null) this.#drop(oldest)
    return oldest !== null
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.nodeId)
    this.digest.unlist(entry)
    if (this.#rules.countsInDigest(entry.state)) this.digest.toggle(entry, entry.digestHash())
    this.#gone.delete(entry)
    takeOut(this.#failed, entry, 'failedAt')
  }
}

const always = (): boolean => true

function putIn(list: Entry[], entry: Entry, place: 'presentAt' | 'failedAt'): void {
  if (entry[place] >= 0) return
  entry[place] = list.length
  list.push(entry)
}

/** Puts the last one into the gap. */
function takeOut(list: Entry[], entry: Entry, place: 'presentAt' | 'failedAt'): void {
  const at = entry[place]
  if (at < 0) return
  const last = list.pop() as Entry
  if (last !== entry) {
    list[at] = last
    last[place] = at
  }
  entry[place] = -1
}
