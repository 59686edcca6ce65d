import type { Scenario } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

const converged = { kind: 'converged' } as const

export const admission: Scenario = {
  name: 'admission',
  summary: 'Some members do not take a node in, others would; it never takes part at those.',
  nodes: 6,
  nodesMin: 4,
  steps: ({ hosts }) => {
    const members = hosts.slice(0, -1)
    const stranger = hosts.slice(-1)
    return [
      { do: 'start', hosts: members, overMs: 100, alone: hosts.slice(0, 1), refuses: stranger },
      { do: 'await', until: converged, withinMs: 15_000 },
      { do: 'start', hosts: stranger, overMs: 0, seeds: members.slice(0, 1) },
      { do: 'run', forMs: 30_000 },
    ]
  },
}

export const hearsay: Scenario = {
  name: 'hearsay',
  summary: 'One member takes everybody in, the others refuse one node, also when they hear of it.',
  nodes: 6,
  nodesMin: 4,
  steps: ({ hosts }) => {
    const [door = '', ...others] = hosts
    const stranger = others.slice(-1)
    const strict = others.slice(0, -1)
    return [
      { do: 'start', hosts: [door], overMs: 0, alone: [door] },
      { do: 'start', hosts: strict, overMs: 100, refuses: stranger, seeds: [door] },
      { do: 'await', until: converged, withinMs: 15_000 },
      { do: 'start', hosts: stranger, overMs: 0, seeds: [door] },
      { do: 'run', forMs: 60_000 },
    ]
  },
}

export const newTenant: Scenario = {
  name: 'new-tenant',
  summary:
    'A node dies and another starts at its address at once; the dead one is noticed all the same.',
  nodes: 6,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const gone = random.pick(hosts.slice(1)) ?? 'n1'
    return [
      ...startCluster(hosts),
      { do: 'replace', host: gone, by: 'tenant' },
      { do: 'await', until: converged, withinMs: 20_000 },
      { do: 'run', forMs: 30_000 },
      { do: 'await', until: converged, withinMs: 1_000 },
    ]
  },
}

export const liar: Scenario = {
  name: 'liar',
  summary: 'A node denies its death with an incarnation that no node gets to; nobody believes it.',
  nodes: 6,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const one = random.pick(hosts.slice(1)) ?? 'n1'
    const fault = {
      kind: 'degrade',
      hosts: [one],
      direction: 'egress',
      quality: { loss: 0.9 },
    } as const
    return [
      { do: 'start', hosts, overMs: 100, alone: hosts.slice(0, 1), liars: [one] },
      { do: 'await', until: converged, withinMs: 15_000 },
      { do: 'fault', fault, forMs: null },
      { do: 'run', forMs: 20_000 },
      { do: 'heal' },
      { do: 'run', forMs: 30_000 },
    ]
  },
}

export const mixedVersions: Scenario = {
  name: 'mixed-versions',
  summary: 'Some nodes speak a newer version as well; all understand each other.',
  nodes: 6,
  nodesMin: 4,
  steps: ({ hosts }) => {
    const half = Math.floor(hosts.length / 2)
    const [old, young] = [hosts.slice(0, half), hosts.slice(half)]
    return [
      { do: 'start', hosts: old, overMs: 100, alone: old.slice(0, 1), speaks: { min: 1, max: 1 } },
      { do: 'start', hosts: young, overMs: 100, seeds: old, speaks: { min: 1, max: 2 } },
      { do: 'await', until: converged, withinMs: 15_000 },
      { do: 'run', forMs: 30_000 },
      ...healAndConverge(hosts, 15_000),
      { do: 'expect', metric: 'suspicions', max: 0 },
    ]
  },
}

export const deadWithTraffic: Scenario = {
  name: 'dead-with-traffic',
  summary: 'A node dies that everybody heard from on connections a moment ago; all notice in time.',
  nodes: 8,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const victims = [random.pick(hosts) ?? 'n0']
    const alone = hosts.slice(0, 1)
    return [
      { do: 'start', hosts, overMs: 100, alone, trafficEveryMs: 200 },
      { do: 'await', until: converged, withinMs: 15_000 },
      { do: 'run', forMs: 5_000 },
      { do: 'fault', fault: { kind: 'crash', hosts: victims }, forMs: null },
      { do: 'await', until: { kind: 'failed', hosts: victims }, withinMs: 15_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}
