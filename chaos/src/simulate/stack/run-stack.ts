import { seededRandom } from '@nodosum/kernel'
import { TraceHash } from '@nodosum/testkit'
import { StackBook, type StackViolation } from './stack-book.ts'
import { StackCluster } from './stack-cluster.ts'
import { drawFaults, faultsOf } from './stack-faults.ts'
import { drawLimits, qualityOf } from './stack-limits.ts'
import type { StackFaults, StackScenario } from './stack-scenarios.ts'

/** What came of one run. */
export interface StackResult {
  readonly scenario: string
  readonly nodes: number
  readonly seed: number
  readonly outcome: 'ok' | 'violation' | 'crash'
  readonly virtualMs: number
  readonly wallMs: number
  readonly metrics: Readonly<Record<string, number>>
  readonly violations: readonly StackViolation[]
  /** Of every packet and of everything that was written down. */
  readonly traceHash: string
}

/** How many nodes a seed has unless it is told. */
export const nodesMin = 3
export const nodesMax = 5

/** Runs one scenario with one seed; the same seed and number of nodes give the same run. */
export async function runStack(
  scenario: StackScenario,
  seed: number,
  { nodes = null }: { readonly nodes?: number | null } = {},
): Promise<StackResult> {
  const wallStartedMs = performance.now()
  const random = seededRandom(`${scenario.name} ${seed}`)
  const drawnNodes = random.stream('nodes').integer(nodesMin, nodesMax)
  const count = nodes ?? drawnNodes
  const faults = faultsOf(scenario, random.stream('kinds'))
  const limits = drawLimits(scenario, random.stream('limits'))
  const trace = new TraceHash()
  const isStill = faults.pausesEveryMs === null && faults.partitionsEveryMs === null
  let nowMs = (): number => 0
  const book = new StackBook({
    nowMs: () => nowMs(),
    trace,
    isCalm: isCalm(faults),
    isAmple: limits.isAmple,
    sessionsMayEnd: !isStill && limits.retentionMs < 60_000,
    handlersMax: limits.handlersMax,
    lanesMax: 3 * count * 2,
    waitingSendsMax: limits.waitingSendsMax,
  })
  const cluster = new StackCluster({
    scenario,
    seed,
    ids: Array.from({ length: count }, (_, index) => `n${index + 1}`),
    limits,
    quality: qualityOf(faults.unkindNetwork, random.stream('network')),
    random,
    book,
  })
  nowMs = () => cluster.nowMs()
  const rejected = (error: unknown): void =>
    book.violated('nothing throws', `unhandled: ${wordsOf(error)}`)
  process.on('unhandledRejection', rejected)
  let isCrash = false
  try {
    const planned = drawFaults(faults, scenario.trafficMs, cluster.ids, random.stream('faults'))
    await cluster.go(planned, faults.drainsInTurn)
  } catch (error) {
    isCrash = true
    book.violated('nothing throws', wordsOf(error))
  }
  const virtualMs = Math.round(cluster.nowMs())
  book.close()
  await cluster.close()
  process.off('unhandledRejection', rejected)
  trace.text(cluster.packets)
  const { violations } = book
  return {
    scenario: scenario.name,
    nodes: count,
    seed,
    outcome: isCrash ? 'crash' : violations.length > 0 ? 'violation' : 'ok',
    virtualMs,
    wallMs: Math.round(performance.now() - wallStartedMs),
    metrics: cluster.metrics(),
    violations,
    traceHash: trace.digest(),
  }
}

function isCalm({ drainsInTurn, unkindNetwork, ...every }: StackFaults): boolean {
  return !drainsInTurn && !unkindNetwork && Object.values(every).every((ms) => ms === null)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
