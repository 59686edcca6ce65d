import { type Minimised, minimise } from '@nodosum/testkit'
import { type RunResult, runScenario, stepsOf } from './run-scenario.ts'
import { isRemovable, type Scenario, type Step } from './step.ts'

/** A run that failed, and the least that still fails in the same way. */
export interface Failure {
  readonly result: RunResult
  /** Numbers of the removable steps that are needed. */
  readonly keep: readonly number[]
  readonly steps: readonly Step[]
  readonly isMinimal: boolean
  /** Runs it again. */
  readonly replay: string
}

/** Runs that looking for the least failing schedule may take, and about how long at most. */
const runsMax = 300
const wallMsMax = 60_000

/** Narrows a failed run down to the steps that it needs. */
export function narrowDown(scenario: Scenario, result: RunResult): Failure {
  const { nodes, seed } = result
  const steps = stepsOf(scenario, nodes, seed).filter(isRemovable)
  const all = steps.map((_, index) => index)
  const startedMs = performance.now()
  const isTheSame = (keep: readonly number[]): boolean => {
    if (performance.now() - startedMs > wallMsMax) return false
    return sameFailure(runScenario({ scenario, nodes, seed, keep }), result)
  }
  const least: Minimised<number> = minimise(all, isTheSame, { runsMax })
  const isOutOfTime = performance.now() - startedMs > wallMsMax
  return {
    result,
    keep: least.items,
    steps: least.items.map((index) => steps[index] as Step),
    isMinimal: least.isMinimal && !isOutOfTime,
    replay: replayOf(result, least.items),
  }
}

/** The command that runs this again, and says the same. */
export function replayOf(
  { scenario, nodes, seed }: Pick<RunResult, 'scenario' | 'nodes' | 'seed'>,
  keep?: readonly number[],
): string {
  const only = keep === undefined ? '' : ` --keep ${keep.length === 0 ? 'none' : keep.join(',')}`
  return `npm run simulate -- --scenario ${scenario} --nodes ${nodes} --seed ${seed}${only}`
}

function sameFailure(a: RunResult, b: RunResult): boolean {
  return a.outcome === b.outcome && a.violations[0]?.invariant === b.violations[0]?.invariant
}
