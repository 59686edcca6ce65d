import type { Random } from '@nodosum/kernel'

/**
 * A copy in which that many different bits are flipped, or all of them if there are fewer. Whoever
 * sends it computes new checksums, so only the content tells.
 */
export function withFlippedBits(bytes: Uint8Array, count: number, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes)
  const bits = copy.length * 8
  const chosen = new Set<number>()
  while (chosen.size < Math.min(count, bits)) chosen.add(random.integer(0, bits - 1))
  for (const bit of chosen) copy[bit >>> 3] = (copy[bit >>> 3] as number) ^ (1 << (bit & 7))
  return copy
}
