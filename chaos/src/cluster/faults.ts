import type { ProcessCluster } from './process-cluster.ts'

/** What a fault may do and ask while it runs. */
export interface Stage {
  readonly cluster: ProcessCluster
  /** Short, for CI; else as long as the promises say. */
  readonly isBrief: boolean
  /** Picks the same for the same seed. */
  readonly pick: (below: number) => number
  /** Lets time pass: how long the nodes stand something is what is looked at. */
  pass(ms: number): Promise<void>
  /** Until all views are right, or until it is clear that they will not be. */
  untilRight(): Promise<void>
  /** Until everybody else has declared these dead, or until it is clear that they will not. */
  untilDead(nodes: readonly string[]): Promise<void>
}

export interface Fault {
  readonly summary: string
  /** Whether it needs namespaces of its own. */
  readonly needsNetwork: boolean
  run(stage: Stage): Promise<void>
}

/** Any process but that of the first and of the last node. */
function victimOf({ cluster, pick }: Stage): number {
  return cluster.processes < 3 ? cluster.processes - 1 : 1 + pick(cluster.processes - 2)
}

const pauseOf =
  (ms: number): ((stage: Stage) => Promise<void>) =>
  async (stage) => {
    const victim = victimOf(stage)
    stage.cluster.pause(victim)
    await stage.pass(ms)
    stage.cluster.resume(victim)
    // A wrong verdict would come now.
    await stage.pass(stage.isBrief ? 4_000 : 20_000)
    await stage.untilRight()
  }

const splitFor = (briefMs: number, longMs: number): Fault => ({
  summary: 'half of the nodes cannot reach the other half',
  needsNetwork: true,
  run: async (stage) => {
    stage.cluster.split()
    await stage.pass(stage.isBrief ? briefMs : longMs)
    stage.cluster.heal()
    await stage.untilRight()
  },
})

export type FaultName =
  | 'none'
  | 'kill'
  | 'pause-3'
  | 'pause-60'
  | 'restart-storm'
  | 'churn'
  | 'partition'
  | 'loss-20'

/** What can be done to a cluster. */
export const faults: Readonly<Record<FaultName, Fault>> = {
  none: {
    summary: 'nothing: they start, and are then left alone',
    needsNetwork: false,
    run: (stage) => stage.pass(stage.isBrief ? 2_000 : 30_000),
  },
  kill: {
    summary: 'SIGKILL of one process, and its return',
    needsNetwork: false,
    run: async (stage) => {
      const victim = victimOf(stage)
      await stage.cluster.kill([victim])
      await stage.untilDead(stage.cluster.nodesOf(victim))
      stage.cluster.start([victim])
      await stage.untilRight()
    },
  },
  'pause-3': {
    summary: 'SIGSTOP of one process for 3 s',
    needsNetwork: false,
    run: pauseOf(3_000),
  },
  'pause-60': {
    summary: 'SIGSTOP of one process for 60 s',
    needsNetwork: false,
    run: pauseOf(60_000),
  },
  'restart-storm': {
    summary: 'SIGKILL of all processes at once, all of which start again at once',
    needsNetwork: false,
    run: async (stage) => {
      const all = Array.from({ length: stage.cluster.processes }, (_, at) => at)
      for (let round = 0; round < (stage.isBrief ? 1 : 3); round += 1) {
        await stage.cluster.kill(all)
        stage.cluster.start(all)
        await stage.untilRight()
      }
    },
  },
  churn: {
    summary: 'one process after the other is killed and returns at once',
    needsNetwork: false,
    run: async (stage) => {
      const rounds = stage.isBrief ? 3 : stage.cluster.processes * 3
      for (let round = 0; round < rounds; round += 1) {
        const victim = stage.pick(stage.cluster.processes)
        await stage.cluster.kill([victim])
        stage.cluster.start([victim])
        await stage.untilRight()
      }
    },
  },
  partition: splitFor(14_000, 60_000),
  'loss-20': {
    summary: 'a fifth of all packets is lost, on every link',
    needsNetwork: true,
    run: async (stage) => {
      stage.cluster.lose(0.2)
      await stage.pass(stage.isBrief ? 8_000 : 300_000)
      stage.cluster.heal()
      await stage.untilRight()
    },
  },
}
