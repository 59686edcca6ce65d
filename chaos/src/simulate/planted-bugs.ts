import { type PlantedBug, plantedBugs } from '../../../packages/membership/test/planted-bugs.ts'
import { type RunResult, runScenario } from './run-scenario.ts'
import { scenarios } from './scenarios/all.ts'
import type { Scenario } from './step.ts'

/** Where a planted bug is looked for. */
interface Hunt {
  readonly scenario: string
  readonly nodes: number
  /** A seed that is known to find it, for the brief version. */
  readonly seed: number
}

/** By the name of the bug. */
const hunts: Readonly<Record<string, Hunt>> = {
  'alive-resurrects': { scenario: 'short-pauses', nodes: 8, seed: 1 },
  'refutes-in-vain': { scenario: 'short-pauses', nodes: 8, seed: 1 },
  'no-suspicion': { scenario: 'short-pauses', nodes: 8, seed: 1 },
  'never-confirms': { scenario: 'dead-with-traffic', nodes: 8, seed: 1 },
  'confirms-alone': { scenario: 'deaf-one', nodes: 8, seed: 1 },
  'answers-for-others': { scenario: 'new-tenant', nodes: 6, seed: 1 },
  'takes-poison': { scenario: 'poison', nodes: 3, seed: 1 },
  'no-helpers': { scenario: 'blackhole', nodes: 8, seed: 1 },
  'tells-once': { scenario: 'events', nodes: 8, seed: 1 },
  'accuses-after-a-pause': { scenario: 'pauses-in-turn', nodes: 8, seed: 1 },
  'mixes-clusters': { scenario: 'two-clusters', nodes: 8, seed: 1 },
  'returns-below': { scenario: 'quick-restart', nodes: 8, seed: 1 },
  'forgets-the-failed': { scenario: 'partition-heal', nodes: 8, seed: 2 },
  'takes-old-metadata': { scenario: 'tags', nodes: 4, seed: 1 },
  'hearsay-admission': { scenario: 'hearsay', nodes: 8, seed: 1 },
  'link-vetoes-all': { scenario: 'dead-with-traffic', nodes: 8, seed: 1 },
  'events-twice': { scenario: 'events', nodes: 8, seed: 1 },
  'takes-any-incarnation': { scenario: 'liar', nodes: 8, seed: 1 },
  'digest-holds-the-gone': { scenario: 'join-after-death', nodes: 8, seed: 1 },
  'speaks-the-newest': { scenario: 'mixed-versions', nodes: 8, seed: 1 },
}

/** What came of a hunt. */
export interface Catch {
  readonly bug: string
  readonly says: string
  readonly scenario: string
  readonly nodes: number
  /** The run that noticed it; null when none did. */
  readonly result: RunResult | null
  /** What the same run comes to with the right rules. */
  readonly without: RunResult | null
}

/** Seeds that one bug is looked for in. */
const seedsMax = 1_000

/** Looks for every planted bug; `brief` tries the seeds that are known to find them only. */
export function huntPlantedBugs(isBrief: boolean, told: (one: Catch) => void): Catch[] {
  return plantedBugs.map((bug) => {
    const hunt = hunts[bug.name]
    if (hunt === undefined) throw new Error(`nobody looks for the planted bug '${bug.name}'`)
    const caught = isBrief ? look(bug, hunt, hunt.seed, hunt.seed) : look(bug, hunt, 1, seedsMax)
    told(caught)
    return caught
  })
}

function look(bug: PlantedBug, hunt: Hunt, first: number, last: number): Catch {
  const { nodes } = hunt
  const scenario = scenarios.get(hunt.scenario) as Scenario
  const { name, says, rules } = bug
  for (let seed = first; seed <= last; seed += 1) {
    const result = runScenario({ scenario, nodes, seed, rules })
    if (result.outcome === 'ok') continue
    const without = runScenario({ scenario, nodes, seed })
    // A run that fails in any case says nothing about the bug.
    if (without.outcome !== 'ok') continue
    return { bug: name, says, scenario: hunt.scenario, nodes, result, without }
  }
  return { bug: name, says, scenario: hunt.scenario, nodes, result: null, without: null }
}

/** One hunt for people. */
export function catchText({ bug, scenario, nodes, result }: Catch): string {
  const where = `${scenario}, ${nodes} nodes`
  if (result === null) return `MISSED ${bug} (${where}, ${seedsMax} seeds)`
  const why = result.violations[0]?.invariant
  return `found  ${bug.padEnd(22)} ${where}, seed ${result.seed}: ${why}`
}
