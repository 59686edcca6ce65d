import { runStack, type StackResult } from './run-stack.ts'
import { huntStackBugs } from './stack-bugs.ts'
import { type StackScenario, stackScenarios } from './stack-scenarios.ts'

type Say = (text: string) => void

const exitCodes: Readonly<Record<StackResult['outcome'], number>> = {
  ok: 0,
  violation: 1,
  crash: 3,
}

/** What is asked of the scenarios of the whole stack. */
export interface StackCommand {
  readonly scenario: StackScenario
  /** Null: each seed draws its own. */
  readonly nodes: number | null
  readonly seeds: { readonly first: number; readonly last: number }
  /** How often each seed runs, to compare the traces. */
  readonly repeat: number
  readonly json: boolean
}

/** The scenarios of the whole stack, one a line. */
export function stackListText(): string {
  return [...stackScenarios.values()]
    .map(({ name, summary }) => `${name.padEnd(20)} 3-5  ${summary}`)
    .join('\n')
}

/** Runs a scenario with every seed of a range; resolves to the exit code. */
export async function simulateStack(command: StackCommand, say: Say): Promise<number> {
  const { scenario, seeds, json } = command
  const failed: StackResult[] = []
  const total: Record<string, number> = {}
  const isOne = seeds.first === seeds.last
  for (let seed = seeds.first; seed <= seeds.last; seed += 1) {
    const result = await repeated(command, seed)
    for (const [name, count] of Object.entries(result.metrics)) {
      total[name] = (total[name] ?? 0) + count
    }
    if (result.outcome !== 'ok') failed.push(result)
    const isFirstFailure = result.outcome !== 'ok' && failed.length === 1
    if (isOne) say(json ? JSON.stringify(result) : resultText(result))
    else if (isFirstFailure && !json) say(resultText(result))
  }
  if (!isOne) {
    const runs = seeds.last - seeds.first + 1
    const failedSeeds = failed.map(({ seed }) => seed)
    const summary = { scenario: scenario.name, seeds, runs, failed: failed.length, failedSeeds }
    const which = failed.length === 0 ? '' : `: seeds ${failedSeeds.join(', ')}`
    const lines = [
      `${scenario.name}: ${runs} seeds, ${failed.length} failed${which}`,
      ...countsOf(total),
    ]
    say(json ? JSON.stringify({ ...summary, metrics: total }) : lines.join('\n'))
  }
  return Math.max(0, ...failed.map(({ outcome }) => exitCodes[outcome]))
}

/** Looks for every bug planted in messaging and the facade; resolves to how many were missed. */
export async function huntInStack(isBrief: boolean, say: Say | null): Promise<number> {
  const catches = await huntStackBugs(isBrief, ({ bug, scenario, result }) => {
    const why = result?.violations[0]?.invariant
    const where = `${scenario}, seed ${result?.seed}`
    say?.(
      result === null ? `MISSED ${bug} (${scenario})` : `found  ${bug.padEnd(30)} ${where}: ${why}`,
    )
  })
  const missed = catches.filter(({ result }) => result === null).length
  say?.(`${catches.length} bugs planted in the stack, ${missed} missed`)
  return missed
}

/** The first result, or a violation when a repetition was another run. */
async function repeated(
  { scenario, nodes, repeat }: StackCommand,
  seed: number,
): Promise<StackResult> {
  const first = await runStack(scenario, seed, { nodes })
  for (let run = 2; run <= repeat; run += 1) {
    const { traceHash } = await runStack(scenario, seed, { nodes })
    if (traceHash === first.traceHash) continue
    const detail = `run ${run} has the trace ${traceHash}, the first one ${first.traceHash}`
    const violation = { invariant: 'the same seed gives the same run', atMs: 0, detail }
    return { ...first, outcome: 'violation', violations: [violation, ...first.violations] }
  }
  return first
}

/** The command that runs this again, and says the same. */
export function replayOf({ scenario, nodes, seed }: StackResult): string {
  return `npm run simulate -- --scenario ${scenario} --nodes ${nodes} --seed ${seed}`
}

function resultText(result: StackResult): string {
  const { scenario, nodes, seed, outcome, virtualMs, wallMs, violations, metrics } = result
  const seconds = `${(virtualMs / 1_000).toFixed(1)} s simulated in ${(wallMs / 1_000).toFixed(1)} s`
  return [
    `${scenario}, ${nodes} nodes, seed ${seed}: ${outcome}`,
    `  ${seconds}, trace ${result.traceHash}`,
    ...countsOf(metrics),
    ...violations
      .slice(0, 5)
      .map(({ atMs, invariant, detail }) => `  at ${atMs} ms: ${invariant}: ${detail}`),
    ...(outcome === 'ok' ? [] : [`  replay: ${replayOf(result)}`]),
  ].join('\n')
}

function countsOf(metrics: Readonly<Record<string, number>>): string[] {
  return Object.entries(metrics).map(([name, count]) => `  ${name.padEnd(28)} ${count}`)
}
