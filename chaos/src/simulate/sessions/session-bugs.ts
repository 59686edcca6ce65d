import { plantedBugs } from '../../../../packages/streams/test/planted-bugs.ts'
import { type Catch, huntBug } from '../hunt.ts'
import { runSessions, type SessionResult } from './run-sessions.ts'
import { type SessionScenario, sessionScenarios } from './session-scenarios.ts'

/** Where a planted bug is looked for, with a seed that is known to find it. */
const hunts: Readonly<Record<string, readonly [scenario: string, seed: number]>> = {
  'takes-gaps': ['sessions-breaks', 1],
  'resumes-too-late': ['sessions-breaks', 1],
  'resumes-too-early': ['sessions-breaks', 1],
  'forgets-early': ['sessions-breaks', 1],
  'never-forgets': ['sessions-quiet', 1],
  'no-fence': ['sessions-replacements', 1],
  'sends-before-resume': ['sessions-replacements', 1],
  'grants-nothing': ['sessions-quiet', 1],
  'ignores-credit': ['sessions-slow-readers', 1],
  'keeps-without-bound': ['sessions-slow-readers', 1],
  'never-acknowledges': ['sessions-quiet', 1],
  'acknowledges-full-buffers-only': ['sessions-idle', 1],
  'keeps-the-budget-at-the-end': ['sessions-restarts', 1],
  'keeps-the-budget-on-resume': ['sessions-breaks', 1],
  'keeps-the-window-of-closed-lanes': ['sessions-idle', 1],
  'gives-back-twice': ['sessions-quiet', 1],
  'counts-twice': ['sessions-quiet', 1],
  'ignores-classes': ['sessions-classes', 1],
  'fills-every-queue': ['sessions-classes', 1],
  'bulk-comes-first': ['sessions-classes', 1],
  'starves-bulk': ['sessions-classes', 1],
  'starves-scheduled': ['sessions-classes', 1],
  'hides-the-unknown': ['sessions-restarts', 1],
  'keeps-both': ['sessions-replacements', 1],
  'keeps-the-first': ['sessions-replacements', 1],
  'ends-on-hearsay': ['sessions-rumours', 1],
  'waits-for-ever': ['sessions-death', 1],
  'closes-what-waits': ['sessions-idle', 1],
  'closes-unread': ['sessions-idle', 1],
  'closes-lanes-in-use': ['sessions-idle', 1],
  'never-closes': ['sessions-idle', 1],
  'uses-numbers-again': ['sessions-idle', 1],
  'closes-for-ever': ['sessions-idle', 1],
}

/** Seeds that one bug is looked for in. */
const seedsMax = 200

/** Looks for every planted bug; `isBrief` tries the seeds that are known to find them only. */
export async function huntSessionBugs(
  isBrief: boolean,
  told: (one: Catch<SessionResult>) => void,
): Promise<Catch<SessionResult>[]> {
  const catches: Catch<SessionResult>[] = []
  for (const { name: bug, says, rules } of plantedBugs) {
    const [name, known] = hunts[bug] ?? ['sessions-swarm', 1]
    const scenario = sessionScenarios.get(name) as SessionScenario
    const withBug = (seed: number): Promise<SessionResult> => runSessions(scenario, seed, rules)
    const without = (seed: number): Promise<SessionResult> => runSessions(scenario, seed)
    const hunt = { bug, says, scenario: name, seed: known, withBug, without }
    const caught = await huntBug(hunt, { isBrief, seedsMax })
    told(caught)
    catches.push(caught)
  }
  return catches
}
