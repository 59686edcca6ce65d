import {
  plantedBugs as ofMessaging,
  type PlantedBug,
} from '../../../../packages/messaging/test/planted-bugs.ts'
import { plantedBugs as ofFacade } from '../../../../packages/nodosum/test/planted-bugs.ts'
import { runStack, type StackResult } from './run-stack.ts'
import { type StackScenario, stackScenarios } from './stack-scenarios.ts'

/** Where a planted bug is looked for, with a seed that is known to find it. */
const hunts: Readonly<Record<string, readonly [scenario: string, seed: number]>> = {
  'confirms-what-it-sent': ['stack-quiet', 1],
  'calls-lost-ones-delivered': ['stack-restarts', 1],
  'hides-lost-ones': ['stack-restarts', 1],
  'tells-twice': ['stack-restarts', 1],
  'forgets-the-handled': ['stack-quiet', 1],
  'starts-twice': ['stack-quiet', 1],
  'starts-none': ['stack-quiet', 1],
  'broadcasts-later': ['stack-quiet', 1],
  'answers-another': ['stack-quiet', 1],
  'ignores-deadlines': ['stack-quiet', 3],
  'keeps-the-cancelled': ['stack-quiet', 1],
  'repeats-what-it-must-not': ['stack-overload', 1],
  'keeps-the-first-owner': ['stack-restarts', 1],
  'drops-what-waits': ['stack-overload', 1],
  'refuses-what-it-runs': ['stack-quiet', 1],
  'runs-without-limit': ['stack-overload', 1],
  'refuses-late': ['stack-overload', 1],
  'drains-nothing': ['stack-drain', 1],
  'forgets-what-runs': ['stack-drain', 1],
  'drains-at-once': ['stack-drain', 1],
  'keeps-an-old-view': ['stack-restarts', 7],
}

/** What came of a hunt. */
export interface StackCatch {
  readonly bug: string
  readonly says: string
  readonly scenario: string
  /** The run that noticed it; null when none did. */
  readonly result: StackResult | null
  /** What the same run comes to without the bug. */
  readonly without: StackResult | null
}

/** Seeds that one bug is looked for in. */
const seedsMax = 50

/** Looks for every planted bug; `isBrief` tries the seeds that are known to find them only. */
export async function huntStackBugs(
  isBrief: boolean,
  told: (one: StackCatch) => void,
): Promise<StackCatch[]> {
  const catches: StackCatch[] = []
  for (const bug of [...ofMessaging, ...ofFacade]) {
    const [scenario, seed] = hunts[bug.name] ?? ['stack-swarm', 1]
    const seeds = isBrief ? [seed, seed] : [1, seedsMax]
    const caught = await look(bug, stackScenarios.get(scenario) as StackScenario, seeds)
    told(caught)
    catches.push(caught)
  }
  return catches
}

async function look(
  { name, says, plant }: PlantedBug,
  scenario: StackScenario,
  [first = 1, last = 1]: readonly number[],
): Promise<StackCatch> {
  const found = { bug: name, says, scenario: scenario.name }
  for (let seed = first; seed <= last; seed += 1) {
    const repair = plant()
    const result = await runStack(scenario, seed).finally(repair)
    if (result.outcome === 'ok') continue
    const without = await withoutBug(scenario, seed)
    // A run that fails in any case says nothing about the bug.
    if (without.outcome === 'ok') return { ...found, result, without }
  }
  return { ...found, result: null, without: null }
}

/** Many bugs are looked for in the same run. */
const known = new Map<string, Promise<StackResult>>()

function withoutBug(scenario: StackScenario, seed: number): Promise<StackResult> {
  const key = `${scenario.name} ${seed}`
  const run = known.get(key) ?? runStack(scenario, seed)
  known.set(key, run)
  return run
}
