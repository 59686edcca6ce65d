import { randomFaults } from '@nodosum/testkit'
import type { Scenario, Step } from '../step.ts'
import { healAndConverge, startCluster } from './start-cluster.ts'

/** How long things go wrong. */
const chaosMs = 60_000

export const swarm: Scenario = {
  name: 'swarm',
  summary: 'Random faults, leaves and restarts for a minute; healed, all views become the truth.',
  nodes: 8,
  nodesMin: 3,
  // Short, so that it comes into play and is over within the run.
  options: { quarantineMs: 5_000, quarantineMaxMs: 20_000 },
  steps: ({ hosts, random }) => {
    const faults = randomFaults({ random, hosts, untilMs: chaosMs, faultsMax: 12 })
    const events: { atMs: number; steps: Step[] }[] = faults.map(({ atMs, forMs, fault }) => ({
      atMs,
      steps: [{ do: 'fault', fault, forMs }],
    }))
    for (let count = random.integer(0, 4); count > 0; count -= 1) {
      const atMs = random.integer(0, chaosMs)
      const host = random.pick(hosts) ?? 'n0'
      events.push({ atMs, steps: [{ do: 'leave', hosts: [host] }] })
      const backMs = random.integer(atMs, chaosMs)
      events.push({ atMs: backMs, steps: [{ do: 'restart', hosts: [host] }] })
    }
    for (let count = random.integer(0, 6); count > 0; count -= 1) {
      const host = random.pick(hosts) ?? 'n0'
      const tags = { [`tag${random.integer(0, 2)}`]: String(random.integer(0, 9)) }
      const change: Step[] = [
        { do: 'tags', hosts: [host], tags },
        { do: 'emit', hosts: [host], count: random.integer(1, 5) },
      ]
      events.push({ atMs: random.integer(0, chaosMs), steps: change })
    }
    events.sort((a, b) => a.atMs - b.atMs)
    const steps: Step[] = []
    let nowMs = 0
    for (const event of events) {
      if (event.atMs > nowMs) steps.push({ do: 'run', forMs: event.atMs - nowMs })
      nowMs = event.atMs
      steps.push(...event.steps)
    }
    steps.push({ do: 'run', forMs: chaosMs - nowMs })
    return [...startCluster(hosts), ...steps, ...healAndConverge(hosts, 60_000)]
  },
}
