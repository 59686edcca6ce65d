import type { Failure } from './explore.ts'
import type { RunResult } from './run-scenario.ts'
import { scenarios } from './scenarios/all.ts'

/** The scenarios, one a line. */
export function listText(): string {
  return [...scenarios.values()]
    .map(
      ({ name, nodes, summary }) => `${name.padEnd(18)} ${String(nodes).padStart(5)}  ${summary}`,
    )
    .join('\n')
}

/** One run as the JSON document that `--json` prints. */
export function json(result: RunResult): string {
  return JSON.stringify(result)
}

/** One run for people. */
export function resultText(result: RunResult, repeat: number): string {
  const { scenario, nodes, seed, outcome, virtualMs, cpuMs, metrics, violations } = result
  const speed = (virtualMs / Math.max(1, cpuMs)).toFixed(1)
  const times = repeat > 1 ? `, ${repeat} times the same trace` : ''
  return [
    `${scenario}, ${nodes} nodes, seed ${seed}: ${outcome}${outcome === 'ok' ? times : ''}`,
    `  ${(virtualMs / 1_000).toFixed(1)} s simulated in ${(cpuMs / 1_000).toFixed(1)} s of one processor (${speed} times as fast), trace ${result.traceHash}`,
    ...Object.entries(metrics).map(([name, value]) => `  ${name.padEnd(28)} ${value}`),
    ...violations
      .slice(0, 5)
      .map(({ atMs, invariant, detail }) => `  at ${Math.round(atMs)} ms: ${invariant}: ${detail}`),
  ].join('\n')
}

/** What a failed run comes down to, and how to run it again. */
export function failureText({ result, keep, steps, isMinimal, replay }: Failure): string {
  const first = result.violations[0]
  const how = isMinimal ? 'no step can be left out' : 'the search for fewer steps was cut short'
  return [
    `seed ${result.seed} fails (${result.outcome}): ${first?.invariant}`,
    `  at ${Math.round(first?.atMs ?? 0)} ms: ${first?.detail}`,
    `  it needs ${steps.length} steps (${how}):`,
    ...steps.map((step, index) => `  ${String(keep[index]).padStart(4)}  ${JSON.stringify(step)}`),
    `  replay: ${replay}`,
  ].join('\n')
}
