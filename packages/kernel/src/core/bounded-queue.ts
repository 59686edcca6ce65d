import { invariant } from './invariant.ts'

const initialCapacity = 16
// An emptied queue gives back a larger ring than this; refilling it costs one copy per item.
const keptCapacity = 1_024

/**
 * First in, first out, with at most `max` items. Every operation takes constant time, growth
 * spread over the offers; memory follows what is queued, not the bound.
 */
export class BoundedQueue<T> {
  /** Most items it holds. */
  readonly max: number
  // Its length is a power of two, so that an index wraps with a mask.
  #ring: (T | undefined)[]
  #head = 0
  #size = 0

  /** @param max a whole number from 1 to 2^30 */
  constructor(max: number) {
    invariant(
      Number.isInteger(max) && max >= 1 && max <= 2 ** 30,
      'a queue needs room for 1 to 2^30 items',
    )
    this.max = max
    this.#ring = newRing(initialCapacity)
  }

  /** Items queued now. */
  get size(): number {
    return this.#size
  }

  /** Whether the next offer is refused. */
  get isFull(): boolean {
    return this.#size === this.max
  }

  /** Appends an item. False, and nothing happens, when the queue is full. */
  offer(item: T): boolean {
    if (this.#size === this.max) return false
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item
    this.#size += 1
    return true
  }

  /** Takes the oldest item; undefined when the queue is empty. */
  poll(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#head]
    // The slot must not keep the item alive.
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size -= 1
    if (this.#size === 0 && this.#ring.length > keptCapacity) this.#reset()
    return item
  }

  /** The oldest item, left in place; undefined when the queue is empty. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head]
  }

  /** Takes all items, oldest first. */
  clear(): T[] {
    const all = [...this]
    this.#reset()
    return all
  }

  /** The items from oldest to newest, left in place. Do not change the queue meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = 0; at < this.#size; at += 1) {
      yield this.#ring[(this.#head + at) & (this.#ring.length - 1)] as T
    }
  }

  #grow(): void {
    const mask = this.#ring.length - 1
    const larger = newRing<T>(this.#ring.length * 2)
    for (let at = 0; at < this.#size; at += 1) larger[at] = this.#ring[(this.#head + at) & mask]
    this.#ring = larger
    this.#head = 0
  }

  #reset(): void {
    this.#ring = newRing(initialCapacity)
    this.#head = 0
    this.#size = 0
  }
}

function newRing<T>(capacity: number): (T | undefined)[] {
  return new Array<T | undefined>(capacity).fill(undefined)
}
