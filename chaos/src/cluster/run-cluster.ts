import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@nodosum/kernel'
import { type FaultName, faults, type Stage } from './faults.ts'
import { makeNetwork, type Network } from './network-namespaces.ts'
import { ProcessCluster } from './process-cluster.ts'
import { auditViews, detections, type Finding, promises, settlings } from './view-audit.ts'
import { Ledgers } from './view-ledger.ts'
import { type Death, ViewTimeline } from './view-timeline.ts'
import { judgeWeights, type Weight, weigh } from './weigh.ts'

export interface ClusterRun {
  readonly nodes: number
  readonly fault: FaultName
  readonly brief: boolean
  readonly seed: string
  readonly from: 'source' | 'dist'
  /** Keeps the books; else they are removed when all is well. */
  readonly keep: boolean
  /** Gives up when it aborts. */
  readonly signal: AbortSignal
}

export interface ClusterResult {
  readonly directory: string
  readonly findings: readonly Finding[]
  readonly isKept: boolean
  readonly processes: number
  /** Milliseconds; null for what never happened. */
  readonly times: {
    /** Until all views were right, after each start, heal and pause. */
    readonly right: readonly { readonly what: string; readonly tookMs: number | null }[]
    /** Until everybody else had declared a killed node dead. */
    readonly detected: readonly { readonly of: string; readonly tookMs: number | null }[]
    /** Living nodes that could be reached and were declared dead, and how soon that was taken back. */
    readonly falseDeaths: readonly Omit<Death, 'excuse'>[]
  }
  /** What each process used while nothing happened; empty unless that was the run. */
  readonly weights: readonly Weight[]
}

/** Above this many nodes several share a process. */
const processesMax = 10
/** It is clear after this long that something will not come true. */
const patienceMs = 3 * promises.rightWithinMs
const lookMs = 250

/** So that the namespaces of each have names of their own. */
let runs = 0

/** Starts a cluster of real processes, hurts it, and lets the audit judge what they wrote. */
export async function runCluster(
  run: ClusterRun,
  say: (line: string) => void,
): Promise<ClusterResult> {
  const fault = faults[run.fault]
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-cluster-'))
  let network: Network | null = null
  let cluster: ProcessCluster | null = null
  let weights: Weight[] = []
  let processes = 0
  try {
    const half = Math.ceil(run.nodes / 2)
    if (fault.needsNetwork) network = makeNetwork(`nd${process.pid}x${runs++}`, half)
    const perProcess = Math.ceil(run.nodes / processesMax)
    const { nodes, from } = run
    cluster = await ProcessCluster.make({ nodes, perProcess, directory, network, from })
    const stage = stageOf(run, cluster)
    processes = cluster.processes
    say(`${nodes} nodes in ${cluster.processes} processes; books in ${directory}`)
    cluster.start(Array.from({ length: cluster.processes }, (_, at) => at))
    await stage.untilRight()
    say(`${run.fault}: ${fault.summary}`)
    if (run.fault === 'none' && !run.brief) weights = await weigh(stage)
    else await fault.run(stage)
  } finally {
    await cluster?.end()
    network?.remove()
  }
  const ledgers = new Ledgers(directory).read()
  const timeline = new ViewTimeline(ledgers)
  const findings = [...auditViews(ledgers), ...judgeWeights(weights)]
  const isKept = findings.every((finding) => finding.isKept)
  if (isKept && !run.keep) rmSync(directory, { recursive: true, force: true })
  const falseDeaths = timeline.deaths
    .filter(({ excuse }) => excuse === null)
    .map(({ atMs, by, of, takenBackMs }) => ({ atMs, by, of, takenBackMs }))
  const times = { right: settlings(timeline), detected: detections(timeline), falseDeaths }
  return { directory, findings, isKept, processes, times, weights }
}

function stageOf({ brief, seed, signal }: ClusterRun, cluster: ProcessCluster): Stage {
  const random = seededRandom(seed)
  const ledgers = new Ledgers(cluster.directory)
  const pass = (ms: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        if (signal.aborted) reject(new Error('the run was ended', { cause: signal.reason }))
        else resolve()
      }
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  const until = async (holds: (timeline: ViewTimeline) => boolean): Promise<void> => {
    const untilMs = Date.now() + patienceMs
    while (!holds(new ViewTimeline(ledgers.read())) && Date.now() < untilMs) await pass(lookMs)
  }
  return {
    cluster,
    isBrief: brief,
    pick: (below) => random.integer(0, below - 1),
    pass,
    untilRight: () =>
      until((timeline) => {
        const last = timeline.deeds.at(-1)?.atMs ?? 0
        return timeline.rightAfterMs(last, Number.POSITIVE_INFINITY) !== null
      }),
    untilDead: (nodes) =>
      until(({ deaths, deeds }) => {
        const sinceMs = deeds.at(-1)?.atMs ?? 0
        const started = new Set(deeds.flatMap((deed) => (deed.kind === 'start' ? deed.nodes : [])))
        const others = started.size - nodes.length
        return nodes.every(
          (id) => deaths.filter((one) => one.of === id && one.atMs >= sinceMs).length >= others,
        )
      }),
  }
}
