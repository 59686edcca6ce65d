import { describe, expect, it } from 'vitest'
import type { MembershipCounters } from '../src/core/counters.ts'
import { SimulatedCluster, type SimulatedNode } from './simulated-cluster.ts'

/** What operators read of membership is what happened, as others have seen it. */
describe('counters', () => {
  const cluster = new SimulatedCluster('counters')
  const nodes = cluster.startMany(12)
  cluster.scheduler.runUntil(() => cluster.agrees, 30_000)
  cluster.network.setQuality({ delayMs: 1, jitterMs: 4, loss: 0.05 })
  nodes[3]?.pause(3_400)
  cluster.scheduler.runFor(60_000)
  nodes[5]?.kill()
  cluster.scheduler.runFor(60_000)
  const sum = (of: keyof MembershipCounters): number =>
    nodes.reduce((total, { core }) => total + core.counters[of], 0)
  const times = ({ changes }: SimulatedNode, kind: string): number =>
    changes.filter((change) => change.kind === kind).length

  it('of packets are those of the network', () => {
    const { counters } = cluster.network
    expect(sum('packetsSent')).toBe(counters.sent)
    expect(sum('bytesSent')).toBe(counters.sentBytes)
    expect(sum('packetsReceived')).toBe(counters.delivered)
    expect(counters.lost).toBeGreaterThan(100)
  })

  it('of suspicions and failures are the changes that were told', () => {
    for (const node of nodes) {
      const { suspicions, failures } = node.core.counters
      expect([suspicions, failures]).toEqual([times(node, 'suspect'), times(node, 'failed')])
    }
    const living = nodes.filter((node) => node !== nodes[5])
    expect(living.map(({ core }) => core.counters.failures)).toEqual(living.map(() => 1))
  })

  it('of refutations are the steps of the own incarnation, and each costs health', () => {
    for (const { core } of nodes)
      expect(core.counters.refutations).toBe(core.self.incarnation.counter)
    expect(nodes[3]?.core.counters.refutations).toBeGreaterThan(0)
    expect(nodes[3]?.core.counters.stalls).toBe(1)
    nodes[4]?.pause(2_500)
    cluster.scheduler.runFor(2_600)
    expect(nodes[4]?.core.localHealth).toBeGreaterThan(0)
    cluster.scheduler.runFor(30_000)
    expect(nodes[4]?.core.localHealth).toBe(0)
  })

  it('of probes tell those that failed, of which the killed one had some', () => {
    expect(sum('probes')).toBeGreaterThan(11 * 120)
    expect(sum('probesFailed')).toBeGreaterThan(0)
    expect(sum('probesFailed')).toBeLessThan(sum('probes') / 10)
    expect(sum('confirmations')).toBeGreaterThan(0)
  })
})
