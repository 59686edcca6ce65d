import { type PlantedBug, plantedBugs } from '../../../../packages/streams/test/planted-bugs.ts'
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

/** What came of a hunt. */
export interface SessionCatch {
  readonly bug: string
  readonly says: string
  readonly scenario: string
  /** The run that noticed it; null when none did. */
  readonly result: SessionResult | null
  /** What the same run comes to with the right rules. */
  readonly without: SessionResult | null
}

/** Seeds that one bug is looked for in. */
const seedsMax = 200

/** Looks for every planted bug; `isBrief` tries the seeds that are known to find them only. */
export async function huntSessionBugs(
  isBrief: boolean,
  told: (one: SessionCatch) => void,
): Promise<SessionCatch[]> {
  const catches: SessionCatch[] = []
  for (const bug of plantedBugs) {
    const [scenario, seed] = hunts[bug.name] ?? ['sessions-swarm', 1]
    const seeds = isBrief ? [seed, seed] : [1, seedsMax]
    const caught = await look(bug, sessionScenarios.get(scenario) as SessionScenario, seeds)
    told(caught)
    catches.push(caught)
  }
  return catches
}

async function look(
  { name, says, rules }: PlantedBug,
  scenario: SessionScenario,
  [first = 1, last = 1]: readonly number[],
): Promise<SessionCatch> {
  const found = { bug: name, says, scenario: scenario.name }
  for (let seed = first; seed <= last; seed++) {
    const result = await runSessions(scenario, seed, rules)
    if (result.outcome === 'ok') continue
    const without = await runSessions(scenario, seed)
    // A run that fails in any case says nothing about the bug.
    if (without.outcome === 'ok') return { ...found, result, without }
  }
  return { ...found, result: null, without: null }
}
