import type { Entry } from './entry.ts'

/** The most buckets that a digest has. */
export const bucketsMax = 256

/**
 * A hash of the whole view that costs as much as what changes: each bucket is the exclusive or of
 * the hashes of its members, and the root that of all buckets.
 */
export class Digest {
  root = 0
  readonly #buckets = new Uint32Array(bucketsMax)
  readonly #entries: Entry[][] = Array.from({ length: bucketsMax }, () => [])

  /** Adds a hash that was not there, or takes one out that was. */
  toggle(entry: Entry, hash: number): void {
    const at = entry.hash >>> 24
    this.#buckets[at] = ((this.#buckets[at] as number) ^ hash) >>> 0
    this.root = (this.root ^ hash) >>> 0
  }

  /** Lists an entry, whether or not it counts. */
  list(entry: Entry): void {
    this.#entries[entry.hash >>> 24]?.push(entry)
  }

  unlist(entry: Entry): void {
    const bucket = this.#entries[entry.hash >>> 24] as Entry[]
    const at = bucket.indexOf(entry)
    if (at >= 0) bucket.splice(at, 1)
  }

  /** The hashes of so many buckets; a power of two. */
  buckets(count: number): Uint32Array {
    if (count === bucketsMax) return this.#buckets.slice()
    const folded = new Uint32Array(count)
    const each = bucketsMax / count
    for (let at = 0; at < bucketsMax; at += 1) {
      const into = Math.floor(at / each)
      folded[into] = ((folded[into] as number) ^ (this.#buckets[at] as number)) >>> 0
    }
    return folded
  }

  /** All that is known of one of so many buckets, those who are gone included. */
  entries(count: number, bucket: number): readonly Entry[] {
    const each = bucketsMax / count
    if (each === 1) return this.#entries[bucket] as Entry[]
    return this.#entries.slice(bucket * each, (bucket + 1) * each).flat()
  }
}

/** About four members to a bucket, so that one difference costs a handful of summaries. */
export function bucketCountFor(members: number): number {
  let count = 1
  while (count < bucketsMax && count * 4 < members) count *= 2
  return count
}
