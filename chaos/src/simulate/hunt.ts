/** What came of looking for a planted bug. */
export interface Catch<Result> {
  readonly bug: string
  readonly says: string
  readonly scenario: string
  /** The run that noticed it; null when none did. */
  readonly result: Result | null
  /** What the same run comes to without the bug. */
  readonly without: Result | null
}

/** A planted bug, where it is looked for, and how. */
export interface Hunt<Result> {
  readonly bug: string
  readonly says: string
  readonly scenario: string
  /** A seed that is known to find it. */
  readonly seed: number
  readonly withBug: (seed: number) => Promise<Result>
  readonly without: (seed: number) => Promise<Result>
}

/** Tries seeds until one notices the bug; with `isBrief` only the one that is known to. */
export async function huntBug<Result extends { readonly outcome: string }>(
  { bug, says, scenario, seed: known, ...run }: Hunt<Result>,
  { isBrief, seedsMax }: { readonly isBrief: boolean; readonly seedsMax: number },
): Promise<Catch<Result>> {
  const found = { bug, says, scenario }
  const [first, last] = isBrief ? [known, known] : [1, seedsMax]
  for (let seed = first; seed <= last; seed += 1) {
    const result = await run.withBug(seed)
    if (result.outcome === 'ok') continue
    const without = await run.without(seed)
    // A run that fails in any case says nothing about the bug.
    if (without.outcome === 'ok') return { ...found, result, without }
  }
  return { ...found, result: null, without: null }
}
