/** What `minimise` found. */
export interface Minimised<T> {
  /** The items that are left, in their order. */
  readonly items: readonly T[]
  /** How often `stillFails` was asked. */
  readonly runs: number
  /** Whether it is known that no single item can go; false when `runsMax` ended the search. */
  readonly isMinimal: boolean
}

/**
 * The fewest items that still fail, by delta debugging (Zeller, Hildebrandt, 2002): halves and
 * their complements first, then finer parts, until no single item can be left out.
 *
 * @param items something that fails, for instance the faults of a run
 * @param stillFails whether the same failure is there with these items alone; must not depend on
 *   anything else
 * @param options.runsMax how often to ask at most; default 500
 */
export function minimise<T>(
  items: readonly T[],
  stillFails: (items: readonly T[]) => boolean,
  options: { runsMax?: number } = {},
): Minimised<T> {
  const { runsMax = 500 } = options
  let runs = 0
  const fails = (candidate: readonly T[]): boolean => {
    runs += 1
    return stillFails(candidate)
  }
  if (runsMax > 0 && fails([])) return { items: [], runs, isMinimal: true }
  let left = items
  let parts = 2
  while (left.length >= 2) {
    const size = Math.ceil(left.length / parts)
    let smaller: readonly T[] | null = null
    for (let at = 0; at < left.length && smaller === null; at += size) {
      if (runs + 2 > runsMax) return { items: left, runs, isMinimal: false }
      const part = left.slice(at, at + size)
      const rest = [...left.slice(0, at), ...left.slice(at + size)]
      if (part.length < left.length && parts === 2 && fails(part)) {
        smaller = part
        parts = 2
      } else if (fails(rest)) {
        smaller = rest
        parts = Math.max(parts - 1, 2)
      }
    }
    if (smaller !== null) left = smaller
    else if (size === 1) break
    else parts = Math.min(left.length, parts * 2)
  }
  return { items: left, runs, isMinimal: true }
}
