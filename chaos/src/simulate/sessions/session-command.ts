import { runSessions, type SessionResult } from './run-sessions.ts'
import { huntSessionBugs } from './session-bugs.ts'
import { type SessionScenario, sessionScenarios } from './session-scenarios.ts'

type Say = (text: string) => void

const exitCodes: Readonly<Record<SessionResult['outcome'], number>> = {
  ok: 0,
  violation: 1,
  crash: 3,
}

/** The scenarios of sessions, one a line. */
export function sessionListText(): string {
  return [...sessionScenarios.values()]
    .map(
      ({ name, nodes, summary }) => `${name.padEnd(22)} ${String(nodes).padStart(1)}  ${summary}`,
    )
    .join('\n')
}

/** Runs a scenario with every seed of a range; resolves to the exit code. */
export async function simulateSessions(
  command: {
    readonly scenario: SessionScenario
    readonly seeds: { readonly first: number; readonly last: number }
    readonly json: boolean
  },
  say: Say,
): Promise<number> {
  const { scenario, seeds, json } = command
  const failed: SessionResult[] = []
  const total = { received: 0, unknown: 0, closedLanes: 0, faults: 0 }
  for (let seed = seeds.first; seed <= seeds.last; seed++) {
    const result = await runSessions(scenario, seed)
    if (seeds.first === seeds.last) say(json ? JSON.stringify(result) : resultText(result))
    total.received += result.received
    total.unknown += result.unknown
    total.closedLanes += result.closedLanes
    for (const count of Object.values(result.faults)) total.faults += count
    if (result.outcome === 'ok') continue
    failed.push(result)
    if (failed.length === 1 && seeds.first !== seeds.last && !json) say(resultText(result))
  }
  if (seeds.first !== seeds.last) {
    const runs = seeds.last - seeds.first + 1
    const failedSeeds = failed.map(({ seed }) => seed)
    const { received, unknown, closedLanes, faults } = total
    const summary = { scenario: scenario.name, seeds, runs, failed: failed.length, failedSeeds }
    const which = failed.length === 0 ? '' : `: seeds ${failedSeeds.join(', ')}`
    const what = `${received} messages came out, ${unknown} ended as unknown`
    const counts = `${what}, ${closedLanes} idle lanes closed, ${faults} faults`
    say(
      json
        ? JSON.stringify({ ...summary, ...total })
        : `${scenario.name}: ${runs} seeds, ${failed.length} failed${which}; ${counts}`,
    )
  }
  return Math.max(0, ...failed.map(({ outcome }) => exitCodes[outcome]))
}

/** Looks for every bug planted in sessions; resolves to how many were missed. */
export async function huntInSessions(isBrief: boolean, say: Say | null): Promise<number> {
  const catches = await huntSessionBugs(isBrief, ({ bug, scenario, result }) => {
    const why = result?.violations[0]?.invariant
    const where = `${scenario}, seed ${result?.seed}`
    say?.(
      result === null ? `MISSED ${bug} (${scenario})` : `found  ${bug.padEnd(30)} ${where}: ${why}`,
    )
  })
  const missed = catches.filter(({ result }) => result === null).length
  say?.(`${catches.length} bugs planted in sessions, ${missed} missed`)
  return missed
}

function resultText({ scenario, seed, outcome, violations, ...rest }: SessionResult): string {
  const { virtualMs, received, unknown, closedLanes, faults } = rest
  return [
    `${scenario}, seed ${seed}: ${outcome} after ${(virtualMs / 1_000).toFixed(1)} s simulated`,
    `  ${received} messages came out, ${unknown} ended as unknown; ${closedLanes} idle lanes closed; faults ${JSON.stringify(faults)}`,
    ...violations
      .slice(0, 5)
      .map(({ atMs, invariant, detail }) => `  at ${Math.round(atMs)} ms: ${invariant}: ${detail}`),
    ...(outcome === 'ok'
      ? []
      : [`  replay: npm run simulate -- --scenario ${scenario} --seed ${seed}`]),
  ].join('\n')
}
