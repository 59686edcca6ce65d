/** `npm run simulate`: production code on simulated time, in parts and as a whole; see `--help`. */
import { type Command, parseCommandLine, UsageError, usage } from './command-line.ts'
import { narrowDown } from './explore.ts'
import { gatesText, measureGates } from './gates.ts'
import { catchText, huntPlantedBugs } from './planted-bugs.ts'
import { failureText, json, listText, resultText } from './report.ts'
import { type Outcome, type RunResult, runScenario, stepsOf } from './run-scenario.ts'
import { huntInSessions, sessionListText, simulateSessions } from './sessions/session-command.ts'
import { huntInStack, simulateStack, stackListText } from './stack/stack-command.ts'
import { isRemovable } from './step.ts'
import { whereText } from './where.ts'

const exitCodes: Readonly<Record<Outcome, number>> = { ok: 0, violation: 1, liveness: 2, crash: 3 }
const usageExitCode = 64

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const command = parseCommandLine(args)
  if (command.kind === 'help') say(usage)
  else if (command.kind === 'list') {
    say(`${listText()}\n${sessionListText()}\n${stackListText()}`)
  } else if (command.kind === 'gates') return gates(command)
  else if (command.kind === 'planted-bugs') return await bugs(command)
  else if (command.kind === 'sessions') return await simulateSessions(command, say)
  else if (command.kind === 'stack') return await simulateStack(command, say)
  else if (command.print) printSteps(command)
  else return simulate(command)
  return 0
}

function printSteps({ scenario, nodes, seeds }: Extract<Command, { kind: 'run' }>): void {
  let removable = 0
  for (const step of stepsOf(scenario, nodes, seeds.first)) {
    const label = isRemovable(step) ? String(removable++) : ''
    say(`${label.padStart(4)}  ${JSON.stringify(step)}`)
  }
}

function gates(command: Extract<Command, { kind: 'gates' }>): number {
  const { json: asJson } = command
  if (!asJson) say(whereText())
  const results = measureGates(command, (result) => {
    if (!asJson) say(resultText(result, 1))
  })
  say(asJson ? JSON.stringify(results) : `\n${gatesText(results)}`)
  return results.every(({ passes }) => passes) ? 0 : exitCodes.violation
}

async function bugs({
  brief,
  json: asJson,
}: Extract<Command, { kind: 'planted-bugs' }>): Promise<number> {
  const catches = huntPlantedBugs(brief, (one) => {
    if (!asJson) say(catchText(one))
  })
  const missed = catches.filter(({ result }) => result === null).length
  if (asJson) say(JSON.stringify(catches))
  else say(`${catches.length} planted bugs, ${missed} missed`)
  const missedInSessions = await huntInSessions(brief, asJson ? null : say)
  const missedInStack = await huntInStack(brief, asJson ? null : say)
  return missed + missedInSessions + missedInStack === 0 ? 0 : exitCodes.violation
}

function simulate(command: Extract<Command, { kind: 'run' }>): number {
  const { scenario, nodes, seeds, keep, repeat } = command
  const failed: RunResult[] = []
  const isOne = seeds.first === seeds.last
  for (let seed = seeds.first; seed <= seeds.last; seed += 1) {
    const options = { scenario, nodes, seed, ...(keep !== null && { keep }) }
    const result = repeated(runScenario(options), repeat, () => runScenario(options))
    if (isOne) say(command.json ? json(result) : resultText(result, repeat))
    if (result.outcome !== 'ok') failed.push(result)
    // What was kept is narrowed down already; of many failures the first is the one to look at.
    const isFirst = failed.length === 1 && failed[0] === result
    if (result.outcome !== 'ok' && isFirst && keep === null && !command.json) {
      say(failureText(narrowDown(scenario, result)))
    }
  }
  if (!isOne) sayRange(command, failed)
  return Math.max(0, ...failed.map(({ outcome }) => exitCodes[outcome]))
}

function sayRange(
  { scenario, nodes, seeds, json: asJson }: Extract<Command, { kind: 'run' }>,
  failed: readonly RunResult[],
): void {
  const runs = seeds.last - seeds.first + 1
  const failedSeeds = failed.map(({ seed }) => seed)
  const summary = {
    scenario: scenario.name,
    nodes,
    seeds,
    runs,
    failed: failed.length,
    failedSeeds,
  }
  if (asJson) return say(JSON.stringify(summary))
  const which = failed.length === 0 ? '' : `: seeds ${failedSeeds.join(', ')}`
  say(`${scenario.name}, ${nodes} nodes: ${runs} seeds, ${failed.length} failed${which}`)
}

/** The first result, or a violation when a repetition was another run. */
function repeated(first: RunResult, times: number, again: () => RunResult): RunResult {
  for (let run = 2; run <= times; run += 1) {
    const { traceHash } = again()
    if (traceHash === first.traceHash) continue
    const detail = `run ${run} has the trace ${traceHash}, the first one ${first.traceHash}`
    const violation = { invariant: 'the same seed gives the same run', atMs: 0, detail }
    return { ...first, outcome: 'violation', violations: [violation, ...first.violations] }
  }
  return first
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = usageExitCode
}
