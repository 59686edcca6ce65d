import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@nodosum/kernel'
import { type FaultName, faults, type Stage } from './faults.ts'
import { makeNetwork, type Network } from './network-namespaces.ts'
import { ProcessCluster } from './process-cluster.ts'
import { auditViews, type Finding, promises, seconds } from './view-audit.ts'
import { Ledgers } from './view-ledger.ts'
import { ViewTimeline } from './view-timeline.ts'

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
}

/** Above this many nodes several share a process. */
const processesMax = 10
/** It is clear after this long that something will not come true. */
const patienceMs = 3 * promises.rightWithinMs
const lookMs = 250
/** An idle node may use this much: P10. */
const idle = { rssBytes: 100 * 2 ** 20, coreShare: 0.01 }

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
  const findings: Finding[] = []
  try {
    const half = Math.ceil(run.nodes / 2)
    if (fault.needsNetwork) network = makeNetwork(`nd${process.pid}x${runs++}`, half)
    const perProcess = Math.ceil(run.nodes / processesMax)
    const { nodes, from } = run
    cluster = await ProcessCluster.make({ nodes, perProcess, directory, network, from })
    const stage = stageOf(run, cluster)
    say(`${nodes} nodes in ${cluster.processes} processes; books in ${directory}`)
    cluster.start(Array.from({ length: cluster.processes }, (_, at) => at))
    await stage.untilRight()
    say(`${run.fault}: ${fault.summary}`)
    if (run.fault === 'none' && !run.brief) findings.push(...(await weigh(cluster, stage)))
    else await fault.run(stage)
  } finally {
    await cluster?.end()
    network?.remove()
  }
  findings.unshift(...auditViews(new Ledgers(directory).read()))
  const isKept = findings.every((finding) => finding.isKept)
  if (isKept && !run.keep) rmSync(directory, { recursive: true, force: true })
  return { directory, findings, isKept }
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

/** What a process with one node uses while nothing happens. */
async function weigh(cluster: ProcessCluster, stage: Stage): Promise<Finding[]> {
  const last = cluster.processes - 1
  // What starting has left behind is collected, and sessions that nobody needs are gone.
  await stage.pass(15_000)
  const forMs = 30_000
  const before = await cluster.usage(last)
  await stage.pass(forMs)
  const after = await cluster.usage(last)
  const coreShare = (after.cpuMs - before.cpuMs) / forMs
  return [
    {
      what: `idle: memory of the process of one node (${cluster.nodesOf(last).join()})`,
      measured: `${(after.rssBytes / 2 ** 20).toFixed(0)} MiB RSS`,
      limit: `${idle.rssBytes / 2 ** 20} MiB`,
      isKept: after.rssBytes <= idle.rssBytes,
    },
    {
      what: `idle: processor time of the same, over ${seconds(forMs)}`,
      measured: `${(coreShare * 100).toFixed(2)} % of a core`,
      limit: `${idle.coreShare * 100} %`,
      isKept: coreShare <= idle.coreShare,
    },
  ]
}
