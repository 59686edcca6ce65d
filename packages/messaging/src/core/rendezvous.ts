/**
 * The owner of a key among candidates: rendezvous hashing (Thaler and Ravishankar, 1998). Every
 * node with the same candidates finds the same owner, and when one candidate leaves only the keys
 * that it owned move.
 *
 * @returns undefined when there are no candidates.
 */
export function rendezvousOwner<Id extends string>(
  key: string,
  candidates: readonly Id[],
): Id | undefined {
  const keyHash = fnv1a(key, 0x811c9dc5)
  let best: Id | undefined
  let bestWeight = -1
  for (const candidate of candidates) {
    const weight = mix(fnv1a(candidate, keyHash))
    // Equal weights go to the lower id, so that the order of candidates does not matter.
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && candidate < best)) {
      best = candidate
      bestWeight = weight
    }
  }
  return best
}

/** Where a key lies between 0 and 1, 1 not included: always the same, whatever the candidates. */
export function shareOf(key: string): number {
  return mix(fnv1a(key, 0x811c9dc5)) / 2 ** 32
}

function fnv1a(text: string, start: number): number {
  let hash = start
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return hash >>> 0
}

/** The finaliser of MurmurHash3: FNV alone leaves similar ids with similar weights. */
function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
