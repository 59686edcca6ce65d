import { invariant } from './invariant.ts'

/** A map of at most `max` entries, in the order in which their keys came. */
export class BoundedMap<K, V> {
  /** Most entries it holds. */
  readonly max: number
  readonly #entries = new Map<K, V>()

  /** @param max a whole number from 1 to 2^24 - 1, what a Map can hold */
  constructor(max: number) {
    invariant(
      Number.isInteger(max) && max >= 1 && max < 2 ** 24,
      'a map needs room for 1 to 2^24 - 1 entries',
    )
    this.max = max
  }

  /** Entries held now. */
  get size(): number {
    return this.#entries.size
  }

  /** Whether a new key is refused. */
  get isFull(): boolean {
    return this.#entries.size >= this.max
  }

  /**
   * Sets a value. False, and nothing happens, when the key is new and the map is full. A key that
   * was there keeps its place in the order.
   */
  set(key: K, value: V): boolean {
    if (this.#entries.size >= this.max && !this.#entries.has(key)) return false
    this.#entries.set(key, value)
    return true
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  /** Removes a key. False when it was not there. */
  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  /** The key that has been here longest: the one to evict first. Undefined when there is none. */
  oldestKey(): K | undefined {
    return this.#entries.keys().next().value
  }

  /** The oldest key whose value can be spared, else the oldest of all. */
  victim(canBeSpared: (value: V) => boolean): K | undefined {
    for (const [key, value] of this.#entries) if (canBeSpared(value)) return key
    return this.oldestKey()
  }

  keys(): MapIterator<K> {
    return this.#entries.keys()
  }

  values(): MapIterator<V> {
    return this.#entries.values()
  }

  entries(): MapIterator<[K, V]> {
    return this.#entries.entries()
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries.entries()
  }
}
