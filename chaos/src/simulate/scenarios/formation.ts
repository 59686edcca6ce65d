import type { Scenario } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

export const bootstrap: Scenario = {
  name: 'bootstrap',
  summary: 'All nodes start within a second and know one of them; they become one cluster.',
  nodes: 2_000,
  nodesMin: 2,
  steps: ({ hosts }) => [
    {
      do: 'start',
      hosts,
      overMs: 1_000,
      alone: hosts.slice(0, 1),
      seeds: hosts.slice(0, 1),
    },
    { do: 'await', until: { kind: 'converged' }, withinMs: 60_000 },
    { do: 'run', forMs: 10_000 },
  ],
}

export const founders: Scenario = {
  name: 'founders',
  summary: 'Nobody may form alone; when the last of the expected founders is there, all form.',
  nodes: 5,
  nodesMin: 3,
  steps: ({ hosts }) => [
    { do: 'start', hosts, overMs: 10_000, expect: hosts.length },
    { do: 'await', until: { kind: 'converged' }, withinMs: 15_000 },
  ],
}

export const lateJoiners: Scenario = {
  name: 'late-joiners',
  summary: 'Twenty nodes are joined by many more at once (Rapid, fiftyNodesJoinTwentyNodeCluster).',
  nodes: 70,
  nodesMin: 3,
  steps: ({ hosts }) => {
    const first = hosts.slice(0, Math.max(1, Math.floor((hosts.length * 2) / 7)))
    const later = hosts.slice(first.length)
    return [
      { do: 'start', hosts: first, overMs: 500, alone: first.slice(0, 1) },
      { do: 'await', until: { kind: 'converged' }, withinMs: 20_000 },
      { do: 'start', hosts: later, overMs: 0, seeds: first.slice(0, 3) },
      { do: 'await', until: { kind: 'converged' }, withinMs: 20_000 },
    ]
  },
}

export const joinInTurmoil: Scenario = {
  name: 'join-in-turmoil',
  summary:
    'Nodes join while others leave and are killed, one of their seeds first (Rapid, phase2JoinAttemptRetryWithConfigChange); all get in.',
  nodes: 20,
  nodesMin: 8,
  steps: ({ hosts, random }) => {
    const first = hosts.slice(0, Math.floor(hosts.length / 2))
    const later = hosts.slice(first.length)
    const half = Math.floor(later.length / 2)
    const seeds = first.slice(0, 3)
    const [seed = ''] = seeds.slice(1)
    const [dead = '', gone = ''] = random.shuffle(first.slice(2))
    return [
      ...startCluster(first),
      { do: 'start', hosts: later.slice(0, half), overMs: 20, seeds },
      { do: 'fault', fault: { kind: 'crash', hosts: [seed, dead] }, forMs: null },
      { do: 'leave', hosts: [gone] },
      { do: 'start', hosts: later.slice(half), overMs: 1_000, seeds },
      { do: 'await', until: { kind: 'converged' }, withinMs: 20_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}

export const merge: Scenario = {
  name: 'merge',
  summary: 'Two groups of one name form apart; a node that knows both makes them one cluster.',
  nodes: 9,
  nodesMin: 5,
  steps: ({ hosts }) => {
    const [bridge = '', ...others] = hosts
    const half = Math.floor(others.length / 2)
    const [one, two] = [others.slice(0, half), others.slice(half)]
    const seeds = [...one.slice(0, 1), ...two.slice(0, 1)]
    return [
      { do: 'start', hosts: one, overMs: 100, alone: one.slice(0, 1) },
      { do: 'await', until: { kind: 'converged' }, withinMs: 15_000 },
      { do: 'start', hosts: two, overMs: 100, alone: two.slice(0, 1) },
      { do: 'run', forMs: 30_000 },
      { do: 'start', hosts: [bridge], overMs: 0, seeds },
      { do: 'await', until: { kind: 'converged' }, withinMs: 20_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const twoClusters: Scenario = {
  name: 'two-clusters',
  summary: 'Two clusters know each other by address, and never mix (consul #843, mimir #6187).',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts }) => {
    const half = Math.ceil(hosts.length / 2)
    const [red, blue] = [hosts.slice(0, half), hosts.slice(half)]
    const seeds = [...red.slice(0, 2), ...blue.slice(0, 2)]
    return [
      { do: 'start', hosts: red, overMs: 100, cluster: 'red', alone: red.slice(0, 1), seeds },
      { do: 'start', hosts: blue, overMs: 100, cluster: 'blue', alone: blue.slice(0, 1), seeds },
      { do: 'await', until: { kind: 'converged' }, withinMs: 30_000 },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: { kind: 'converged' }, withinMs: 1 },
    ]
  },
}

export const joinAfterDeath: Scenario = {
  name: 'join-after-death',
  summary: 'A node joins that never knew those who died and left before; all views agree.',
  nodes: 6,
  nodesMin: 4,
  steps: ({ hosts }) => {
    const members = hosts.slice(0, -1)
    const [dead = '', gone = ''] = members.slice(1)
    return [
      ...startCluster(members),
      { do: 'fault', fault: { kind: 'crash', hosts: [dead] }, forMs: null },
      { do: 'leave', hosts: [gone] },
      { do: 'await', until: { kind: 'failed', hosts: [dead] }, withinMs: 15_000 },
      { do: 'start', hosts: hosts.slice(-1), overMs: 0, seeds: hosts.slice(0, 1) },
      { do: 'await', until: { kind: 'agreed' }, withinMs: 15_000 },
      { do: 'run', forMs: 20_000 },
      { do: 'await', until: { kind: 'agreed' }, withinMs: 1_000 },
    ]
  },
}
