import type { Scenario, Step } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

/** Whoever failed and returned again and again is not shown for some minutes. */
const quarantineMs = 600_000
/** Larger clusters are there for their figures; that all come back smaller ones show as well. */
const nodesThatWaitMax = 200

function afterQuarantine(hosts: readonly string[]): Step[] {
  return hosts.length > nodesThatWaitMax ? [{ do: 'heal' }] : healAndConverge(hosts, quarantineMs)
}

const converged = { kind: 'converged' } as const

export const partitionHeal: Scenario = {
  name: 'partition-heal',
  summary:
    'The cluster is split for a minute, each side goes on alone; healed, they are one again.',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const shuffled = random.shuffle([...hosts])
    const cut = random.integer(1, hosts.length - 1)
    const groups = [shuffled.slice(0, cut), shuffled.slice(cut)]
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'partition', groups }, forMs: 60_000 },
      // Nobody tells the sides of each other: they have to remember.
      { do: 'lose-discovery' },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: { kind: 'agreed' }, withinMs: 60_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}

export const splitAndChurn: Scenario = {
  name: 'split-and-churn',
  summary:
    'While the cluster is split, each side loses a node that returns and one that leaves; healed, all agree.',
  nodes: 12,
  nodesMin: 8,
  steps: ({ hosts, random }) => {
    const shuffled = random.shuffle([...hosts])
    const half = Math.floor(hosts.length / 2)
    const groups = [shuffled.slice(0, half), shuffled.slice(half)]
    const changes = groups.flatMap(([killed = '', leaver = '']): Step[] => [
      { do: 'run', forMs: 5_000 },
      { do: 'fault', fault: { kind: 'crash', hosts: [killed] }, forMs: 15_000 },
      { do: 'leave', hosts: [leaver] },
    ])
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'partition', groups }, forMs: 60_000 },
      ...changes,
      { do: 'run', forMs: 20_000 },
      // Nobody tells the sides of each other: they have to remember.
      { do: 'lose-discovery' },
      { do: 'run', forMs: 30_000 },
      { do: 'await', until: { kind: 'agreed' }, withinMs: quarantineMs },
      ...healAndConverge(hosts, quarantineMs),
    ]
  },
}

export const oneWaySplit: Scenario = {
  name: 'one-way-split',
  summary:
    'For a minute one half of the cluster is not heard by the other, which it hears; then all agree.',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const shuffled = random.shuffle([...hosts])
    const half = Math.floor(hosts.length / 2)
    const [from, to] = [shuffled.slice(0, half), shuffled.slice(half)]
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'cut', from, to }, forMs: 60_000 },
      { do: 'lose-discovery' },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: { kind: 'agreed' }, withinMs: quarantineMs },
      ...healAndConverge(hosts, quarantineMs),
    ]
  },
}

export const islands: Scenario = {
  name: 'islands',
  summary:
    'A broken pair, then an isolated node, then two islands (Akka, SurviveNetworkInstability).',
  nodes: 8,
  nodesMin: 5,
  steps: ({ hosts }) => {
    const [a = '', b = '', c = ''] = hosts
    const half = Math.floor(hosts.length / 2)
    const others = hosts.filter((host) => host !== c)
    const split = (groups: readonly (readonly string[])[]): Step[] => [
      { do: 'fault', fault: { kind: 'partition', groups }, forMs: 20_000 },
      { do: 'run', forMs: 20_000 },
      { do: 'await', until: converged, withinMs: quarantineMs },
    ]
    return [
      ...startCluster(hosts),
      ...brokenPair(a, b),
      ...split([[c], others]),
      ...split([hosts.slice(0, half), hosts.slice(half)]),
    ]
  },
}

/** Two nodes that cannot reach each other, seen by all others: nobody may be removed. */
function brokenPair(a: string, b: string): Step[] {
  return [
    { do: 'fault', fault: { kind: 'cut', from: [a], to: [b] }, forMs: null, excuses: [] },
    { do: 'fault', fault: { kind: 'cut', from: [b], to: [a] }, forMs: null, excuses: [] },
    { do: 'run', forMs: 60_000 },
    { do: 'heal' },
    { do: 'await', until: { kind: 'converged' }, withinMs: 15_000 },
    { do: 'expect', metric: 'suspicions', max: 0 },
  ]
}

export const blackhole: Scenario = {
  name: 'blackhole',
  summary: 'A pair of nodes cannot reach each other (ATC 2018); nobody is removed.',
  nodes: 20,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const [a = '', b = ''] = random.shuffle([...hosts])
    return [...startCluster(hosts), ...brokenPair(a, b)]
  },
}

export const asymmetric: Scenario = {
  name: 'asymmetric',
  summary: 'One node no longer reaches another, while all other links work; nobody is removed.',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const [a = '', b = ''] = random.shuffle([...hosts])
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'cut', from: [a], to: [b] }, forMs: null, excuses: [] },
      { do: 'run', forMs: 60_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const deaf: Scenario = {
  name: 'deaf',
  summary:
    'A fifth of the nodes hear nothing for a minute (Rapid, injectAsymmetricDrops); exactly they are removed, and come back.',
  nodes: 50,
  nodesMin: 5,
  steps: ({ hosts, random }) => {
    const victims = random.shuffle([...hosts]).slice(0, Math.floor(hosts.length / 5))
    const fault = {
      kind: 'degrade',
      hosts: victims,
      direction: 'ingress',
      quality: { loss: 1 },
    } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault, forMs: null },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: { kind: 'failed', hosts: victims }, withinMs: 1 },
      ...healAndConverge(hosts, 60_000),
    ]
  },
}

export const deafOne: Scenario = {
  name: 'deaf-one',
  summary:
    'One node hears nothing for a minute and accuses everybody, alone; it declares nobody dead.',
  nodes: 20,
  nodesMin: 5,
  steps: ({ hosts, random }) => {
    const victims = [random.pick(hosts) ?? 'n0']
    const fault = {
      kind: 'degrade',
      hosts: victims,
      direction: 'ingress',
      quality: { loss: 1 },
    } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault, forMs: 60_000 },
      { do: 'run', forMs: 60_000 },
      // Each of the others declares the deaf one dead, once.
      { do: 'expect', metric: 'falseDeaths', max: hosts.length - 1 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const flipFlop: Scenario = {
  name: 'flip-flop',
  summary:
    'One percent of the nodes hear nothing for 20 s of every 40 s (ATC 2018); the others stay.',
  nodes: 1_000,
  nodesMin: 10,
  steps: ({ hosts, random }) => {
    const victims = random.shuffle([...hosts]).slice(0, Math.max(1, Math.round(hosts.length / 100)))
    const fault = {
      kind: 'degrade',
      hosts: victims,
      direction: 'ingress',
      quality: { loss: 1 },
    } as const
    const rounds = Array.from({ length: 3 }, (): Step[] => [
      { do: 'fault', fault, forMs: 20_000 },
      { do: 'run', forMs: 40_000 },
    ])
    return [...startCluster(hosts), ...rounds.flat(), ...afterQuarantine(hosts)]
  },
}

function heavyLoss(name: string, direction: 'ingress' | 'egress'): Scenario {
  return {
    name,
    summary: `One percent of the nodes lose 80 % of what they ${direction === 'ingress' ? 'receive' : 'send'} (ATC 2018); the others stay.`,
    nodes: 1_000,
    nodesMin: 10,
    steps: ({ hosts, random }) => {
      const count = Math.max(1, Math.round(hosts.length / 100))
      const victims = random.shuffle([...hosts]).slice(0, count)
      const fault = { kind: 'degrade', hosts: victims, direction, quality: { loss: 0.8 } } as const
      return [
        ...startCluster(hosts),
        { do: 'fault', fault, forMs: null },
        { do: 'run', forMs: 60_000 },
        ...afterQuarantine(hosts),
      ]
    },
  }
}

export const loss80: Scenario = heavyLoss('loss-80', 'egress')
export const loss80Ingress: Scenario = heavyLoss('loss-80-ingress', 'ingress')

/** The whole network loses packets, and nobody may die of it. */
function lossy(name: string, loss: number, nodes: number, forMs: number): Scenario {
  return {
    name,
    summary: `Every link loses ${loss * 100} % of its packets for ${forMs / 1_000} s; nobody is declared dead.`,
    nodes,
    nodesMin: 3,
    steps: ({ hosts }) => {
      const fault = { kind: 'degrade', hosts, direction: 'egress', quality: { loss } } as const
      return [
        ...startCluster(hosts),
        { do: 'fault', fault, forMs: null, excuses: [] },
        { do: 'run', forMs },
        ...healAndConverge(hosts, 30_000),
      ]
    },
  }
}

export const loss5: Scenario = lossy('loss-5', 0.05, 100, 300_000)
export const loss50: Scenario = lossy('loss-50', 0.5, 100, 30_000)

export const crashLoss50: Scenario = {
  name: 'crash-loss-50',
  summary: 'Every link loses half of its packets when nodes are killed (chitchat, perf_test.rs).',
  nodes: 100,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const victims = random.shuffle([...hosts]).slice(0, Math.max(1, Math.round(hosts.length / 20)))
    const loss = { kind: 'degrade', hosts, direction: 'egress', quality: { loss: 0.5 } } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: loss, forMs: null, excuses: [] },
      { do: 'run', forMs: 10_000 },
      { do: 'fault', fault: { kind: 'crash', hosts: victims }, forMs: null },
      { do: 'await', until: { kind: 'failed', hosts: victims }, withinMs: 60_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}

export const latency: Scenario = {
  name: 'latency',
  summary:
    'Round trips take 0.3 s, then up to 1 s, and packets overtake each other; nobody is declared dead.',
  nodes: 20,
  nodesMin: 3,
  steps: ({ hosts }) => {
    const slower = (delayMs: number, jitterMs: number): Step => {
      const quality = { delayMs, jitterMs, reordering: 0.1, reorderedByMs: 200 }
      const fault = { kind: 'degrade', hosts, direction: 'egress', quality } as const
      return { do: 'fault', fault, forMs: null, excuses: [] }
    }
    return [
      ...startCluster(hosts),
      slower(150, 50),
      { do: 'run', forMs: 60_000 },
      slower(200, 300),
      { do: 'run', forMs: 120_000 },
      { do: 'await', until: converged, withinMs: 30_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}
