import type { Scenario } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

export const slowNode: Scenario = {
  name: 'slow-node',
  summary:
    'A node stands still for 0.8 s of every second for two minutes; it accuses nobody to death.',
  nodes: 20,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const slow = random.pick(hosts) ?? 'n0'
    const fault = { kind: 'stall', hosts: [slow], everyMs: 1_000, stalledMs: 800 } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault, forMs: null, excuses: [] },
      { do: 'run', forMs: 120_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const shortPauses: Scenario = {
  name: 'short-pauses',
  summary: 'Nodes stand still for up to 3 s, and packets are lost meanwhile; they accuse nobody.',
  nodes: 20,
  nodesMin: 4,
  // Two packets: what waits in the socket would tell who lives.
  socketBytesMax: 300,
  steps: ({ hosts, random }) => {
    const rounds = Array.from({ length: 10 }, () => {
      const hurt = [random.pick(hosts) ?? 'n0']
      return [
        { do: 'fault', fault: { kind: 'pause', hosts: hurt }, forMs: random.integer(500, 3_000) },
        { do: 'run', forMs: 10_000 },
      ] as const
    })
    return [
      ...startCluster(hosts),
      ...rounds.flat(),
      ...healAndConverge(hosts, 15_000),
      { do: 'expect', metric: 'healthySuspicions', max: 0 },
    ]
  },
}

export const longPause: Scenario = {
  name: 'long-pause',
  summary:
    'A node stands still for a minute and goes on: it was declared dead, and is back at once.',
  nodes: 10,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const hurt = [random.pick(hosts) ?? 'n0']
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'pause', hosts: hurt }, forMs: 60_000 },
      { do: 'await', until: { kind: 'failed', hosts: hurt }, withinMs: 30_000 },
      { do: 'run', forMs: 60_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const awayAlone: Scenario = {
  name: 'away-alone',
  summary:
    'A node stands still for up to 30 s, then another is cut off for so long; both are back at once.',
  nodes: 20,
  nodesMin: 5,
  steps: ({ hosts, random }) => {
    const [first = '', second = ''] = random.shuffle([...hosts])
    const groups = [[second], hosts.filter((host) => host !== second)]
    const pausedMs = random.integer(10_000, 30_000)
    const cutMs = random.integer(10_000, 30_000)
    return [
      ...startCluster(hosts),
      { do: 'fault', fault: { kind: 'pause', hosts: [first] }, forMs: pausedMs },
      { do: 'run', forMs: pausedMs },
      { do: 'await', until: { kind: 'converged' }, withinMs: 15_000 },
      { do: 'run', forMs: 30_000 },
      { do: 'fault', fault: { kind: 'partition', groups }, forMs: cutMs },
      { do: 'run', forMs: cutMs },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const drift: Scenario = {
  name: 'drift',
  summary: 'Clocks run up to 5 % fast or slow for ten minutes; nobody is declared dead.',
  nodes: 10,
  nodesMin: 3,
  steps: ({ hosts, random }) => [
    ...startCluster(hosts),
    ...hosts.map((host) => {
      const rate = 0.95 + random.float() * 0.1
      const fault = { kind: 'drift', hosts: [host], rate } as const
      return { do: 'fault', fault, forMs: null, excuses: [] } as const
    }),
    { do: 'run', forMs: 600_000 },
    ...healAndConverge(hosts, 15_000),
  ],
}

export const stalls: Scenario = {
  name: 'stalls',
  summary:
    'One of eight nodes gets the processor for 4 ms of every 2 s (Lifeguard); the others stay.',
  nodes: 128,
  nodesMin: 8,
  steps: ({ hosts, random }) => {
    const slow = random.shuffle([...hosts]).slice(0, Math.floor(hosts.length / 8))
    const fault = { kind: 'stall', hosts: slow, everyMs: 2_000, stalledMs: 1_996 } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault, forMs: null },
      { do: 'run', forMs: 60_000 },
      // Who was restless is shown again once it has been calm for 40 s.
      ...healAndConverge(hosts, 60_000),
    ]
  },
}

export const poison: Scenario = {
  name: 'poison',
  summary:
    'A node stands still for 12 s each time it has just sent a ping; it measures no round trip of 12 s.',
  nodes: 3,
  nodesMin: 3,
  options: { quarantineMs: 1_000, quarantineMaxMs: 5_000 },
  steps: ({ hosts, random }) => {
    const slow = random.pick(hosts) ?? 'n0'
    // It probes a second after each stall, and the answer waits in its socket for the next one.
    const fault = { kind: 'stall', hosts: [slow], everyMs: 13_003, stalledMs: 12_000 } as const
    return [
      ...startCluster(hosts),
      { do: 'fault', fault, forMs: null },
      { do: 'run', forMs: 240_000 },
      ...healAndConverge(hosts, 30_000),
    ]
  },
}

export const pausesInTurn: Scenario = {
  name: 'pauses-in-turn',
  summary:
    'A node stands still, and when it goes on and denies, another does; nobody is declared dead.',
  nodes: 8,
  nodesMin: 4,
  socketBytesMax: 300,
  steps: ({ hosts, random }) => {
    const rounds = Array.from({ length: 8 }, () => {
      const [first = '', second = ''] = random.shuffle([...hosts])
      return [
        { do: 'fault', fault: { kind: 'pause', hosts: [first] }, forMs: 3_000 },
        { do: 'run', forMs: random.integer(2_000, 3_000) },
        { do: 'fault', fault: { kind: 'pause', hosts: [second] }, forMs: 3_000 },
        { do: 'run', forMs: 12_000 },
      ] as const
    })
    return [...startCluster(hosts), ...rounds.flat(), ...healAndConverge(hosts, 15_000)]
  },
}
