import { clausesFor } from '@nodosum/transport/conformance'
import { type LinkKind, throughFaultyLinks } from './faulty-links.ts'
import { linkKinds } from './link-kinds.ts'
import { harnessOf, type TransportKind, transportKinds } from './transports.ts'

/** What to run. */
export interface ConformanceRun {
  /** Default: all of them. */
  readonly transport?: string | undefined
  /** The name of a kind of link; default: all that the transport has. */
  readonly link?: string | undefined
  /** Only clauses whose name contains this. */
  readonly clause?: string | undefined
  /** Repeats the draws of the links, as far as the timing of the machine allows. */
  readonly seed: string
  /** How often, each round with a seed of its own. */
  readonly rounds: number
}

/** How long a clause may take that the suite itself does not end. */
const clauseMsMax = 180_000

/**
 * Runs the conformance suite over links that fail.
 *
 * @param say gets one line for each clause and link
 * @returns how many clauses held, and how many did not; a fault that never fired counts as one
 * @throws Error for a name that nobody knows
 */
export async function runConformance(
  { transport, link, clause, seed, rounds }: ConformanceRun,
  say: (line: string) => void,
): Promise<{ passed: number; failed: number }> {
  const counts = { passed: 0, failed: 0 }
  const count = (isGood: boolean, line: string): void => {
    counts[isGood ? 'passed' : 'failed'] += 1
    say(`${isGood ? 'ok  ' : 'FAIL'} ${line}`)
  }
  const known = transportKinds.flatMap((kind) => linkKinds[kind].map((one) => ({ kind, one })))
  const chosen = known
    .filter(({ kind }) => transport === undefined || kind === transport)
    .filter(({ one }) => link === undefined || one.name === link)
  if (chosen.length === 0) {
    const all = known.map(({ kind, one }) => `${kind} ${one.name}`).join(', ')
    throw new Error(`no link '${link ?? ''}' for '${transport ?? ''}'; there are ${all}`)
  }
  for (const { kind, one } of chosen) {
    for (let round = 0; round < rounds; round += 1) {
      await runOver(kind, one, clause, rounds === 1 ? seed : `${seed}.${round}`, count)
    }
  }
  if (counts.passed + counts.failed === 0) throw new Error(`no clause contains '${clause}'`)
  return counts
}

async function runOver(
  transport: TransportKind,
  link: LinkKind,
  clause: string | undefined,
  seed: string,
  count: (isGood: boolean, line: string) => void,
): Promise<void> {
  const { harness, remove } = harnessOf(transport)
  try {
    const links = throughFaultyLinks(harness, link, seed)
    const clauses = clausesFor(links.harness)
    const chosen = clauses.filter(({ name }) => clause === undefined || name.includes(clause))
    for (const { name, run } of chosen) {
      const startedMs = performance.now()
      const error = await outcomeOf(run(links.harness))
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
      const replay = `--transport ${transport} --link ${link.name} --seed ${seed}`
      const why = error === undefined ? '' : `\n     ${error}\n     again: ${replay}`
      count(error === undefined, `${transport} ${link.name} (${seconds} s) ${name}${why}`)
    }
    // A few clauses may be too short for a rare fault; all of them together are not.
    if (clause !== undefined) return
    for (const fault of link.expected) {
      const fired = links.fired(fault)
      const line = `${transport} ${link.name} ${fault} fired ${fired} times of ${links.received()}`
      count(fired > 0, line)
    }
  } finally {
    remove()
  }
}

/** What it rejects with, in words; undefined when it resolves. */
async function outcomeOf(work: Promise<void>): Promise<string | undefined> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = (): void => reject(new Error(`not over within ${clauseMsMax} ms`))
  const timer = setTimeout(late, clauseMsMax)
  try {
    await Promise.race([work, promise])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    clearTimeout(timer)
  }
}
