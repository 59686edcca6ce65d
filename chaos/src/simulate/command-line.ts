import { parseArgs } from 'node:util'
import { closestKey } from '@nodosum/kernel/options'
import { gates } from './gates.ts'
import { scenarios } from './scenarios/all.ts'
import { type SessionScenario, sessionScenarios } from './sessions/session-scenarios.ts'
import { nodesMax as stackNodesMax, nodesMin as stackNodesMin } from './stack/run-stack.ts'
import type { StackCommand } from './stack/stack-command.ts'
import { stackScenarios } from './stack/stack-scenarios.ts'
import type { Scenario } from './step.ts'

/** What the command was asked to do. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'planted-bugs'; readonly brief: boolean; readonly json: boolean }
  | {
      readonly kind: 'gates'
      readonly seed: number
      readonly nodesMax: number
      /** Only those of this scenario; null: all. */
      readonly scenario: string | null
      readonly json: boolean
    }
  | {
      readonly kind: 'sessions'
      readonly scenario: SessionScenario
      readonly seeds: { readonly first: number; readonly last: number }
      readonly json: boolean
    }
  | ({ readonly kind: 'stack' } & StackCommand)
  | ({ readonly kind: 'stack' } & StackCommand)
  | {
      readonly kind: 'run'
      readonly scenario: Scenario
      readonly nodes: number
      /** From the first to the last seed, both included. */
      readonly seeds: { readonly first: number; readonly last: number }
      /** Which removable steps happen; null: all. */
      readonly keep: readonly number[] | null
      /** How often each seed runs, to compare the traces. */
      readonly repeat: number
      /** Prints the steps and runs nothing. */
      readonly print: boolean
      readonly json: boolean
    }

/** The command line makes no sense; the message says what to do. */
export class UsageError extends Error {}

/** Most nodes of one run: what they believe of each other takes their number squared. */
const nodesMax = 5_000
const seedsMax = 1_000_000
const briefNodesMax = 60

export const usage: string = `npm run simulate -- --scenario NAME [--nodes N] [--seed S | --seeds A..B] [--json]

  --list           the scenarios
  --gates          measures every published figure that is to be beaten; minutes. --brief: with
                   ${briefNodesMax} nodes at most, which says less. --scenario: those of one only.
                   --seed: not 1 but another
  --planted-bugs   breaks the cores in many ways, and shows that each is noticed; --brief: with
                   seeds that are known to notice it
  --scenario NAME  which one; its default number of nodes is in the list. Those whose names begin
                   with sessions- take --seed, --seeds and --json only; those with stack- take
                   --repeat, too, and --nodes from ${stackNodesMin} to ${stackNodesMax} (else drawn from the seed)
  --nodes N        how many nodes, up to ${nodesMax}
  --seed S         default 1: the same seed gives the same run
  --seeds A..B     many seeds; ends with how many failed, and which
  --repeat N       runs each seed N times and compares the traces
  --keep 0,3,7     only these of the steps that can be left out; a failure prints them
  --print          the steps as data; runs nothing
  --json           one JSON document instead of text

Exit codes: 0 all is well, 1 an invariant was violated, 2 something that had to come true did not,
3 the code threw, 64 the command line makes no sense.
`

/** @throws UsageError */
export function parseCommandLine(args: readonly string[]): Command {
  const flags = parseFlags(args)
  if (flags.help) return { kind: 'help' }
  if (flags.list) return { kind: 'list' }
  const seeds = seedsOf(flags.seed, flags.seeds)
  if (flags['planted-bugs']) {
    return { kind: 'planted-bugs', brief: flags.brief, json: flags.json }
  }
  if (flags.gates) {
    const { brief, scenario: only, json } = flags
    // Each gate has its own number of nodes, and a run for one seed.
    refuse(flags, '--gates', ['nodes', 'seeds', 'keep', 'repeat'])
    return {
      kind: 'gates',
      seed: seeds.first,
      nodesMax: brief ? briefNodesMax : nodesMax,
      scenario: only === undefined ? null : scenarioWithGates(only),
      json,
    }
  }
  const ofSessions = sessionScenarios.get(flags.scenario ?? '')
  if (ofSessions !== undefined) {
    return { kind: 'sessions', scenario: ofSessions, seeds, json: flags.json }
  }
  const repeat = flags.repeat === undefined ? 1 : number('--repeat', flags.repeat, 2, 10_000)
  const ofStack = stackScenarios.get(flags.scenario ?? '')
  if (ofStack !== undefined) {
    refuse(flags, ofStack.name, ['keep', 'print'])
    const nodes =
      flags.nodes === undefined
        ? null
        : number('--nodes', flags.nodes, stackNodesMin, stackNodesMax)
    return { kind: 'stack', scenario: ofStack, nodes, seeds, repeat, json: flags.json }
  }
  const scenario = scenarioOf(flags.scenario)
  const nodes =
    flags.nodes === undefined
      ? scenario.nodes
      : number('--nodes', flags.nodes, scenario.nodesMin, nodesMax)
  return {
    kind: 'run',
    scenario,
    nodes,
    seeds,
    keep: flags.keep === undefined ? null : keepOf(flags.keep),
    repeat,
    print: flags.print,
    json: flags.json,
  }
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        gates: { type: 'boolean', default: false },
        'planted-bugs': { type: 'boolean', default: false },
        brief: { type: 'boolean', default: false },
        scenario: { type: 'string' },
        nodes: { type: 'string' },
        seed: { type: 'string' },
        seeds: { type: 'string' },
        keep: { type: 'string' },
        repeat: { type: 'string' },
        print: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}; see --help`)
  }
}

function scenarioOf(name: string | undefined): Scenario {
  if (name === undefined) throw new UsageError('which scenario? --list names them')
  const scenario = scenarios.get(name)
  if (scenario !== undefined) return scenario
  const close = closestKey(name, [
    ...scenarios.keys(),
    ...sessionScenarios.keys(),
    ...stackScenarios.keys(),
  ])
  const hint = close === undefined ? '--list names them' : `did you mean '${close}'?`
  throw new UsageError(`no scenario is called '${name}'; ${hint}`)
}

/** Without any, all of nothing would pass. */
function scenarioWithGates(name: string): string {
  const found = scenarioOf(name).name
  const measured = new Set(gates.map(({ run }) => run))
  if (measured.has(found)) return found
  throw new UsageError(
    `no gate is measured in '${found}'; there are gates of ${[...measured].join(', ')}`,
  )
}

/** What a kind of run has no use for is a mistake. */
function refuse(
  flags: Readonly<Record<string, unknown>>,
  what: string,
  names: readonly string[],
): void {
  const wrong = names.find((name) => flags[name] !== undefined && flags[name] !== false)
  if (wrong !== undefined) throw new UsageError(`${what} does not take --${wrong}; see --help`)
}

function seedsOf(
  seed: string | undefined,
  seeds: string | undefined,
): { first: number; last: number } {
  if (seed !== undefined && seeds !== undefined) {
    throw new UsageError('--seed and --seeds exclude each other')
  }
  if (seeds === undefined) {
    const one = number('--seed', seed ?? '1', 0, Number.MAX_SAFE_INTEGER)
    return { first: one, last: one }
  }
  const [from, to, more] = seeds.split('..')
  if (from === undefined || to === undefined || more !== undefined) {
    throw new UsageError(`--seeds takes a range such as 1..100, not '${seeds}'`)
  }
  const first = number('--seeds', from, 0, Number.MAX_SAFE_INTEGER)
  return { first, last: number('--seeds', to, first, first + seedsMax - 1) }
}

function keepOf(text: string): number[] {
  if (text === 'none') return []
  return text.split(',').map((part) => number('--keep', part, 0, 1_000_000))
}

function number(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not '${text}'`)
}
