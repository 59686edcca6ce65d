/**
 * The known key that was probably meant: one that differs by few letters, by case, or by a
 * missing ending such as the unit. Undefined when none is close.
 */
export function closestKey(unknown: string, known: readonly string[]): string | undefined {
  // Beyond this nobody mistyped a key, and the distance would cost quadratic time.
  if (unknown.length > 64) return undefined
  const given = unknown.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1
  for (const key of known) {
    const candidate = key.toLowerCase()
    const isPart = given.length >= 3 && (candidate.startsWith(given) || given.startsWith(candidate))
    // A part is a better guess than two wrong letters, and worse than one.
    const distance = isPart
      ? Math.min(1.5, editDistance(given, candidate))
      : editDistance(given, candidate)
    if (distance < bestDistance) {
      best = key
      bestDistance = distance
    }
  }
  return best
}

/** How many letters to insert, remove, replace or swap with their neighbour. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      )
      const swapped =
        row > 1 &&
        column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1]
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return at(last, right.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] as number
}
