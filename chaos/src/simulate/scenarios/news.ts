import type { Scenario, Step } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

const agreed = { kind: 'agreed' } as const

export const events: Scenario = {
  name: 'events',
  summary:
    'Nodes tell each other news on links that lose, double and reorder; all hear it in order.',
  nodes: 10,
  nodesMin: 3,
  steps: ({ hosts, random }) => {
    const quality = { loss: 0.05, duplication: 0.3, reordering: 0.3, reorderedByMs: 300 }
    const senders = random.shuffle([...hosts]).slice(0, 3)
    return [
      ...startCluster(hosts),
      {
        do: 'fault',
        fault: { kind: 'degrade', hosts, direction: 'egress', quality },
        forMs: null,
        excuses: [],
      },
      { do: 'emit', hosts: senders, count: 10 },
      { do: 'run', forMs: 2_000 },
      // One of them may be lost at somebody, for each is told a few times only; not all of these.
      { do: 'emit', hosts: senders, count: 5 },
      { do: 'await', until: { kind: 'heard', hosts: senders, count: 10 }, withinMs: 20_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}

export const tags: Scenario = {
  name: 'tags',
  summary: 'A tag is removed in a partition, while others change (chitchat); it stays removed.',
  nodes: 4,
  nodesMin: 4,
  steps: ({ hosts, random }) => {
    const half = Math.floor(hosts.length / 2)
    const owner = random.pick(hosts) ?? 'n0'
    const groups = [hosts.slice(0, half), hosts.slice(half)]
    const quality = { reordering: 0.5, reorderedByMs: 500, duplication: 0.2 }
    const changes = Array.from({ length: 6 }, (_, number): Step[] => [
      { do: 'applications', hosts: [owner], applications: [`a${number}`, `a${number + 1}`] },
      { do: 'run', forMs: 300 },
    ])
    return [
      ...startCluster(hosts),
      { do: 'tags', hosts: [owner], tags: { zone: 'a', doomed: 'yes' } },
      { do: 'await', until: agreed, withinMs: 15_000 },
      { do: 'fault', fault: { kind: 'partition', groups }, forMs: 60_000 },
      { do: 'run', forMs: 1_000 },
      { do: 'tags', hosts: [owner], tags: { zone: 'b' } },
      { do: 'run', forMs: 60_000 },
      { do: 'await', until: agreed, withinMs: 60_000 },
      {
        do: 'fault',
        fault: { kind: 'degrade', hosts, direction: 'egress', quality },
        forMs: null,
        excuses: [],
      },
      ...changes.flat(),
      { do: 'await', until: agreed, withinMs: 15_000 },
      ...healAndConverge(hosts, 15_000),
    ]
  },
}
