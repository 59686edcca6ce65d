import type { Stage } from './faults.ts'
import { type Finding, seconds } from './view-audit.ts'

/** An idle node may use this much: P10. */
const idle = { rssBytes: 100 * 2 ** 20, coreShare: 0.01 }

/** What starting has left behind is collected after this long, and sessions that nobody needs are gone. */
const settleMs = 15_000
const weighedForMs = 30_000

/** What one process uses while nothing happens. */
export interface Weight {
  readonly nodes: number
  readonly rssMib: number
  /** Of these, what the process does not share with others of the same program. */
  readonly ownMib: number
  /** Of one core, all its nodes together. */
  readonly coreShare: number
}

/** What the processes of a cluster use while nothing happens; the last one has a single node. */
export async function weigh({ cluster, pass }: Stage): Promise<Weight[]> {
  await pass(settleMs)
  const all = Array.from({ length: cluster.processes }, (_, process) => process)
  const usage = (): Promise<Awaited<ReturnType<typeof cluster.usage>>[]> =>
    Promise.all(all.map((process) => cluster.usage(process)))
  const before = await usage()
  const fromMs = performance.now()
  await pass(weighedForMs)
  const after = await usage()
  const forMs = performance.now() - fromMs
  return after.map(({ cpuMs, rssBytes, ownBytes }, process) => ({
    nodes: cluster.nodesOf(process).length,
    rssMib: rssBytes / 2 ** 20,
    ownMib: ownBytes / 2 ** 20,
    coreShare: (cpuMs - (before[process]?.cpuMs ?? 0)) / forMs,
  }))
}

export function judgeWeights(weights: readonly Weight[]): Finding[] {
  const single = weights.at(-1)
  if (single === undefined) return []
  const perNode = weights.map(({ nodes, coreShare }) => coreShare / nodes)
  const shareOf = (share: number): string => `${(share * 100).toFixed(2)} % of a core`
  return [
    {
      what: 'idle: memory of the process of one node',
      measured: `${single.rssMib.toFixed(0)} MiB RSS, ${single.ownMib.toFixed(0)} of them its own`,
      limit: `${idle.rssBytes / 2 ** 20} MiB`,
      isKept: single.nodes === 1 && single.rssMib * 2 ** 20 <= idle.rssBytes,
    },
    {
      what: `idle: processor time of the process of one node, over ${seconds(weighedForMs)}`,
      measured: shareOf(single.coreShare),
      limit: `${idle.coreShare * 100} %`,
      isKept: single.coreShare <= idle.coreShare,
    },
    {
      what: 'idle: processor time of a node, in the busiest process',
      measured: shareOf(Math.max(...perNode)),
      limit: `${idle.coreShare * 100} %`,
      isKept: Math.max(...perNode) <= idle.coreShare,
    },
  ]
}
