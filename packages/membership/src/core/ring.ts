import type { Entry } from './entry.ts'

/**
 * Everybody present, this node included, in the order of hashes: equal on all nodes with equal
 * views, so they agree without a word who watches whom.
 */
export class Ring {
  readonly #entries: Entry[] = []
  /** Many may come before anybody asks for the order. */
  #isSorted = true

  add(entry: Entry): void {
    this.#entries.push(entry)
    this.#isSorted = this.#entries.length === 1
  }

  remove(entry: Entry): void {
    this.#sort()
    const at = this.#placeOf(entry)
    if (this.#entries[at] === entry) this.#entries.splice(at, 1)
  }

  /** Who comes after this one, nearest first; itself not included. */
  after(entry: Entry, count: number): Entry[] {
    return this.#walk(entry, count, 1)
  }

  /** Who comes before this one, nearest first: they watch it. */
  before(entry: Entry, count: number): Entry[] {
    return this.#walk(entry, count, -1)
  }

  #walk(entry: Entry, count: number, step: 1 | -1): Entry[] {
    this.#sort()
    const size = this.#entries.length
    const found: Entry[] = []
    const place = this.#placeOf(entry)
    // Who is not on the ring itself has its next one where it would stand.
    const isThere = this.#entries[place] === entry
    let at = step === 1 && !isThere ? place : (place + step + size) % Math.max(1, size)
    const most = Math.min(count, isThere ? size - 1 : size)
    while (found.length < most) {
      found.push(this.#entries[at % size] as Entry)
      at = (at + step + size) % size
    }
    return found
  }

  #sort(): void {
    if (this.#isSorted) return
    this.#entries.sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.#isSorted = true
  }

  #placeOf(entry: Entry): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#entries[middle] as Entry, entry)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.hash === b.hash ? a.nodeId < b.nodeId : a.hash < b.hash
}
