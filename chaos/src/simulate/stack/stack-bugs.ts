import { plantedBugs as ofMessaging } from '../../../../packages/messaging/test/planted-bugs.ts'
import { plantedBugs as ofFacade } from '../../../../packages/nodosum/test/planted-bugs.ts'
import { type Catch, huntBug } from '../hunt.ts'
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

/** Seeds that one bug is looked for in. */
const seedsMax = 50

/** Looks for every planted bug; `isBrief` tries the seeds that are known to find them only. */
export async function huntStackBugs(
  isBrief: boolean,
  told: (one: Catch<StackResult>) => void,
): Promise<Catch<StackResult>[]> {
  const catches: Catch<StackResult>[] = []
  for (const { name: bug, says, plant } of [...ofMessaging, ...ofFacade]) {
    const [name, known] = hunts[bug] ?? ['stack-swarm', 1]
    const scenario = stackScenarios.get(name) as StackScenario
    const withBug = (seed: number): Promise<StackResult> => {
      const repair = plant()
      return runStack(scenario, seed).finally(repair)
    }
    const without = (seed: number): Promise<StackResult> => withoutBug(scenario, seed)
    const hunt = { bug, says, scenario: name, seed: known, withBug, without }
    const caught = await huntBug(hunt, { isBrief, seedsMax })
    told(caught)
    catches.push(caught)
  }
  return catches
}

/** Many bugs are looked for in the same run. */
const known = new Map<string, Promise<StackResult>>()

function withoutBug(scenario: StackScenario, seed: number): Promise<StackResult> {
  const key = `${scenario.name} ${seed}`
  const run = known.get(key) ?? runStack(scenario, seed)
  known.set(key, run)
  return run
}
