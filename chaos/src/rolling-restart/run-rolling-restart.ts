import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJournal } from '../../../apps/bazaar/src/journal.ts'
import { Story } from '../../../apps/bazaar/src/story.ts'
import { judgeRestart } from './judge-restart.ts'

/** How a rolling restart goes. */
export interface RollingRestart {
  readonly processes: number
  readonly ordersPerSecond: number
  /** How often everybody is restarted. */
  readonly rounds: number
}

/**
 * Restarts every process of Bazaar one after the other while customers order. What they were told
 * is in a file of theirs, what the shop did in those of its processes and its database; a program of
 * its own holds one against the other.
 */
export async function runRollingRestart(
  run: RollingRestart,
  tell: (line: string) => void,
): Promise<{ readonly problems: readonly string[]; readonly summary: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'rolling-restart-'))
  const { processes, ordersPerSecond } = run
  const onEvent = (atMs: number, text: string): void =>
    tell(`${(atMs / 1_000).toFixed(1).padStart(6)} s  ${text}`)
  const story = new Story({ directory, processes, ordersPerSecond, onEvent })
  let isKept = true
  try {
    await story.open()
    for (let round = 1; round <= run.rounds; round += 1) await story.restartAll()
    const { balanced, text } = await story.account()
    tell(text)
    const customers = readJournal(join(directory, 'customers.jsonl')).entries
    const restarts = processes * run.rounds
    const verdict = judgeRestart(customers, { restarts, ordersMin: restarts })
    const problems = balanced
      ? verdict.problems
      : ['the account does not balance', ...verdict.problems]
    isKept = problems.length > 0
    if (isKept) tell(`the books are kept in ${directory}`)
    return { problems, summary: verdict.summary }
  } finally {
    story.abandon()
    if (!isKept) rmSync(directory, { recursive: true, force: true })
  }
}
