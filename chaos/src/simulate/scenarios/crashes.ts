import type { Scenario } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

const converged = { kind: 'converged' } as const

export const crash: Scenario = {
  name: 'crash',
  summary: 'One percent of the nodes, at least one, are killed at once; all others notice in time.',
  nodes: 1_000,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const count = Math.max(1, Math.round(hosts.length / 100))
    const victims = random.shuffle([...hosts]).slice(0, count)
    return [
      ...startCluster(hosts),
      // Long enough for a mean of what a healthy cluster sends.
      { do: 'run', forMs: 60_000 },
      { do: 'fault', fault: { kind: 'crash', hosts: victims }, forMs: null },
      { do: 'await', until: { kind: 'failed', hosts: victims }, withinMs: 15_000 },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: converged, withinMs: 10_000 },
    ]
  },
}

export const crashThird: Scenario = {
  name: 'crash-third',
  summary: 'A random third is killed at once (Rapid, failRandomThirdOfNodes); the others agree.',
  nodes: 60,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const victims = random.shuffle([...hosts]).slice(0, Math.floor(hosts.length / 3))
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'crash', hosts: victims }, forMs: null },
      { do: 'await', until: converged, withinMs: 60_000 },
      ...healAndConverge(hosts, 60_000),
    ]
  },
}

export const quickRestart: Scenario = {
  name: 'quick-restart',
  summary:
    'A node is back before anybody missed it (Akka, QuickRestartSpec); the new process wins.',
  nodes: 10,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const rounds = Array.from({ length: 5 }, () => random.pick(hosts.slice(1)) ?? 'n1')
    return [
      ...startCluster(hosts),
      ...rounds.flatMap((host) => [
        { do: 'fault', fault: { kind: 'crash', hosts: [host] }, forMs: 200 } as const,
        { do: 'run', forMs: 500 } as const,
        { do: 'await', until: converged, withinMs: 30_000 } as const,
      ]),
    ]
  },
}

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  summary:
    'Every node drains, leaves and comes back, one after the other; nobody is declared dead.',
  nodes: 10,
  nodesMin: 3,
  steps: ({ hosts }) => [
    ...startCluster(hosts),
    ...hosts.flatMap((host) => [
      { do: 'drain', hosts: [host] } as const,
      { do: 'run', forMs: 1_000 } as const,
      { do: 'leave', hosts: [host] } as const,
      { do: 'run', forMs: 2_000 } as const,
      { do: 'restart', hosts: [host] } as const,
      { do: 'await', until: converged, withinMs: 30_000 } as const,
    ]),
    ...healAndConverge(hosts, 30_000),
  ],
}

export const massRestart: Scenario = {
  name: 'mass-restart',
  summary: 'Nine of ten crash and are back at once (memberlist #311, #345); nobody stays dead.',
  nodes: 30,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const victims = random.shuffle([...hosts.slice(1)]).slice(0, Math.ceil(hosts.length * 0.9) - 1)
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'crash', hosts: victims }, forMs: 3_000, excuses: hosts },
      { do: 'run', forMs: 4_000 },
      ...healAndConverge(hosts, 60_000),
    ]
  },
}

export const leaveStorm: Scenario = {
  name: 'leave-storm',
  summary: 'Half of the nodes leave within a second (consul #8343); all are seen as left.',
  nodes: 100,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const leavers = random.shuffle([...hosts.slice(1)]).slice(0, Math.floor(hosts.length / 2))
    return [
      ...startCluster(hosts),
      ...leavers.flatMap((host) => [
        { do: 'leave', hosts: [host] } as const,
        { do: 'run', forMs: 1_000 / leavers.length } as const,
      ]),
      { do: 'await', until: { kind: 'left', hosts: leavers }, withinMs: 15_000 },
      { do: 'await', until: converged, withinMs: 15_000 },
    ]
  },
}

export const churn: Scenario = {
  name: 'churn',
  summary: 'For two minutes nodes crash, leave and come back; then all views become the truth.',
  nodes: 50,
  nodesMin: 5,
  steps: ({ hosts, random }) => {
    const rounds = Array.from({ length: 60 }, () => {
      const host = random.pick(hosts.slice(1)) ?? 'n1'
      const awayMs = random.integer(500, 20_000)
      return random.float() < 0.5
        ? [{ do: 'fault', fault: { kind: 'crash', hosts: [host] }, forMs: awayMs } as const]
        : [
            { do: 'leave', hosts: [host] } as const,
            { do: 'run', forMs: 500 } as const,
            { do: 'restart', hosts: [host] } as const,
          ]
    })
    return [
      ...startCluster(hosts),
      ...rounds.flatMap((round) => [...round, { do: 'run', forMs: 2_000 } as const]),
      ...healAndConverge(hosts, 60_000),
    ]
  },
}

export const keptPeers: Scenario = {
  name: 'kept-peers',
  summary:
    'Discovery finds nobody. Who left stays apart; killed at once, the others find each other by what they kept (Serf, SnapshotRecovery).',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const leaver = random.pick(hosts.slice(1)) ?? 'n1'
    const others = hosts.filter((host) => host !== leaver)
    return [
      ...startCluster(hosts),
      { do: 'leave', hosts: [leaver] },
      { do: 'await', until: { kind: 'left', hosts: [leaver] }, withinMs: 15_000 },
      // Where others are is kept once a minute.
      { do: 'run', forMs: 90_000 },
      { do: 'lose-discovery' },
      { do: 'restart', hosts: [leaver] },
      { do: 'run', forMs: 30_000 },
      { do: 'await', until: { kind: 'left', hosts: [leaver] }, withinMs: 1 },
      { do: 'leave', hosts: [leaver] },
      { do: 'fault', fault: { kind: 'crash', hosts: others }, forMs: 2_000 },
      { do: 'run', forMs: 3_000 },
      { do: 'await', until: converged, withinMs: 30_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}
