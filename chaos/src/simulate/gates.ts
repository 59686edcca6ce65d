import { type RunResult, runScenario } from './run-scenario.ts'
import { scenarios } from './scenarios/all.ts'

/** A figure that others have published, and what ours must be. */
export interface Gate {
  readonly what: string
  readonly published: string
  /** Scenario and nodes that it is measured in. */
  readonly run: string
  readonly nodes: number
  readonly metric: string
  readonly unit: 's' | 'KB/s' | 'MB' | ''
  /** The most that passes, in the metric's own unit (ms, bytes, a count). */
  readonly max?: number
  /** The least that passes. */
  readonly min?: number
}

/** The gates, and beside each what was published and under which conditions. */
export const gates: readonly Gate[] = [
  {
    what: 'bootstrap, one seed',
    published: 'memberlist 95 s mean; Rapid 2 to 2.3 times faster (N=2000)',
    run: 'bootstrap',
    nodes: 2_000,
    metric: 'convergedMs',
    unit: 's',
    max: 10_000,
  },
  {
    what: 'distinct cluster sizes seen meanwhile',
    published: 'memberlist 1858, Rapid 4 (N=2000)',
    run: 'bootstrap',
    nodes: 2_000,
    metric: 'distinctSizesSeen',
    unit: '',
    max: 8,
  },
  {
    what: 'bootstrap',
    published: 'Akka 4 min 15 s with the start of the machines (N=1000)',
    run: 'bootstrap',
    nodes: 1_000,
    metric: 'convergedMs',
    unit: 's',
    max: 8_000,
  },
  {
    what: 'bytes sent per node, mean, 10 crashes',
    published: 'memberlist 0.64, Rapid 0.71 KB/s (N=1000)',
    run: 'crash',
    nodes: 1_000,
    metric: 'meanBytesPerSecondPerNode',
    unit: 'KB/s',
    max: 700,
  },
  {
    what: 'bytes per node in its busiest second, either way, 10 crashes',
    published: 'memberlist 8.04, Rapid 11.37 KB/s (N=1000)',
    run: 'crash',
    nodes: 1_000,
    metric: 'maxBytesPerSecondPerNode',
    unit: 'KB/s',
    max: 8_000,
  },
  {
    what: 'crash known everywhere, p50',
    published: 'memberlist about 15 s, Rapid about 10 s slower (N=1000)',
    run: 'crash',
    nodes: 1_000,
    metric: 'detectedEverywhereP50Ms',
    unit: 's',
    max: 6_000,
  },
  {
    what: 'crash known everywhere, p99',
    published: 'memberlist about 15 s, Rapid about 10 s slower (N=1000)',
    run: 'crash',
    nodes: 1_000,
    metric: 'detectedEverywhereP99Ms',
    unit: 's',
    max: 10_000,
  },
  {
    what: 'first suspicion of a crashed node, mean',
    published: 'SWIM e/(e-1) = 1.58 periods of 1 s, and the timeout of the probe',
    run: 'crash',
    nodes: 1_000,
    metric: 'suspectedFirstMeanMs',
    unit: 's',
    max: 2_580,
  },
  {
    what: 'false deaths at 5 % loss, 5 minutes',
    published: '(none published for these conditions)',
    run: 'loss-5',
    nodes: 1_000,
    metric: 'falseDeaths',
    unit: '',
    max: 0,
  },
  {
    what: 'flip-flop: 1 % removed everywhere within',
    published: 'memberlist oscillates and never removes all; Rapid does (N=1000)',
    run: 'flip-flop',
    nodes: 1_000,
    metric: 'hurtRemovedEverywhereMs',
    unit: 's',
    max: 60_000,
  },
  {
    what: 'flip-flop: removals of one node at one other, most',
    published: 'memberlist oscillates (N=1000)',
    run: 'flip-flop',
    nodes: 1_000,
    metric: 'hurtRemovalsMost',
    unit: '',
    max: 1,
  },
  ...(['loss-80', 'loss-80-ingress'] as const).flatMap((run): Gate[] => [
    {
      what: `${run}: share of the 1 % that is removed everywhere`,
      published: 'memberlist never removes them conclusively (N=1000)',
      run,
      nodes: 1_000,
      metric: 'hurtRemovedShare',
      unit: '',
      min: 1,
    },
    {
      what: `${run}: deaths of the other 99 %`,
      published: 'Akka removes benign nodes (N=400)',
      run,
      nodes: 1_000,
      metric: 'healthyDeaths',
      unit: '',
      max: 0,
    },
  ]),
  {
    what: 'stalled nodes: false deaths of healthy nodes at healthy nodes',
    published: 'Lifeguard 1.9 % of what SWIM has (controlled stalls)',
    run: 'stalls',
    nodes: 128,
    metric: 'healthyDeaths',
    unit: '',
    max: 0,
  },
  {
    what: 'crash known everywhere, p50, with no false death',
    published: 'Lifeguard tuned: 45 % below the default of memberlist, about 10 s (N=100)',
    run: 'crash',
    nodes: 100,
    metric: 'detectedEverywhereP50Ms',
    unit: 's',
    max: 5_500,
  },
  {
    what: 'deaths at 50 % loss in 30 s',
    published: 'chitchat: none (N=10)',
    run: 'loss-50',
    nodes: 100,
    metric: 'falseDeaths',
    unit: '',
    max: 0,
  },
  {
    what: 'crash known everywhere at 50 % loss, p99',
    published: 'chitchat below 15 s (N=10)',
    run: 'crash-loss-50',
    nodes: 100,
    metric: 'detectedEverywhereP99Ms',
    unit: 's',
    max: 15_000,
  },
  {
    what: 'crash known everywhere, p99',
    published: 'chitchat below 10 s without loss (N=10)',
    run: 'crash',
    nodes: 100,
    metric: 'detectedEverywhereP99Ms',
    unit: 's',
    max: 10_000,
  },
  {
    what: 'bytes per node in its busiest second',
    published: 'chitchat below 120 KB/s (N=100)',
    run: 'crash',
    nodes: 100,
    metric: 'maxBytesPerSecondPerNode',
    unit: 'KB/s',
    max: 10_000,
  },
  {
    what: 'simulated faster than real time, on one core',
    published: '(our own)',
    run: 'crash',
    nodes: 1_000,
    metric: 'timesRealTime',
    unit: '',
    min: 5,
  },
  {
    what: 'memory of one node, simulator included',
    published: 'memberlist 12 MB (N=1000)',
    run: 'crash',
    nodes: 1_000,
    metric: 'heapBytesPerNode',
    unit: 'MB',
    max: 25_000_000,
  },
]

export interface GateResult {
  readonly gate: Gate
  /** Undefined when the run did not give it. */
  readonly value: number | undefined
  readonly passes: boolean
}

export interface GateOptions {
  readonly seed: number
  /** Larger clusters are measured with so many nodes instead. */
  readonly nodesMax: number
  /** Only the gates of this scenario; null: all. */
  readonly scenario: string | null
}

/**
 * Measures gates, each scenario once.
 *
 * @param told hears of each run when it has ended
 */
export function measureGates(
  { seed, nodesMax, scenario: only }: GateOptions,
  told: (result: RunResult) => void,
): GateResult[] {
  const runs = new Map<string, RunResult>()
  const wanted = gates.filter(({ run }) => only === null || run === only)
  return wanted.map((published) => {
    const gate = { ...published, nodes: Math.min(published.nodes, nodesMax) }
    const key = `${gate.run}/${gate.nodes}`
    let result = runs.get(key)
    if (result === undefined) {
      const scenario = scenarios.get(gate.run)
      if (scenario === undefined) throw new Error(`no scenario is called '${gate.run}'`)
      result = runScenario({ scenario, nodes: gate.nodes, seed, weigh: true })
      runs.set(key, result)
      told(result)
    }
    return judge(gate, result)
  })
}

/** A figure counts only if its run ended well and nobody missed a crash. */
export function judge(gate: Gate, result: RunResult): GateResult {
  const value = figureOf(gate, result)
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = gate
  const isWell = result.outcome === 'ok' && (result.metrics.crashesUndetected ?? 0) === 0
  return { gate, value, passes: isWell && value !== undefined && value >= min && value <= max }
}

function figureOf(gate: Gate, result: RunResult): number | undefined {
  if (gate.metric === 'timesRealTime') return result.virtualMs / result.cpuMs
  return result.metrics[gate.metric]
}

/** One line for each gate, and one that says how many pass. */
export function gatesText(results: readonly GateResult[]): string {
  const lines = results.map(({ gate, value, passes }) => {
    const limit =
      gate.max !== undefined ? `<= ${inUnit(gate, gate.max)}` : `>= ${inUnit(gate, gate.min ?? 0)}`
    const ours = value === undefined ? 'not reached' : inUnit(gate, value)
    const columns = [
      ours.padStart(12),
      limit.padEnd(14),
      `${gate.what} (${gate.run}, N=${gate.nodes})`,
    ]
    return `${passes ? 'pass' : 'FAIL'} ${columns.join('  ')}\n${' '.repeat(35)}published: ${gate.published}`
  })
  const passed = results.filter(({ passes }) => passes).length
  return [...lines, `${passed} of ${results.length} gates pass`].join('\n')
}

function inUnit({ unit }: Gate, value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'never'
  const scaled =
    unit === 's' || unit === 'KB/s' ? value / 1_000 : unit === 'MB' ? value / 1e6 : value
  return `${Number(scaled.toFixed(2))}${unit === '' ? '' : ` ${unit}`}`
}
