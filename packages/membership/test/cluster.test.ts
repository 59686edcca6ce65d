import { describe, expect, it } from 'vitest'
import { SimulatedCluster, type SimulatedNode } from './simulated-cluster.ts'

function formed(seed: string, count: number, quality = { delayMs: 1, jitterMs: 4 }) {
  const cluster = new SimulatedCluster(seed, quality)
  const nodes = cluster.startMany(count)
  const isThere = (): boolean => cluster.agrees && nodes.every(({ isFormed }) => isFormed)
  const tookMs = cluster.scheduler.runUntil(isThere, 60_000)
  return { cluster, nodes, tookMs }
}

const seeds = Array.from({ length: 10 }, (_, index) => `seed ${index}`)

describe('joining', () => {
  it.each([1, 3, 5, 20, 50])('%i nodes all see each other within 15 s', (count) => {
    const { tookMs } = formed(`join ${count}`, count)
    expect(tookMs).toBeLessThan(15_000)
  })

  it('carries tags and applications to everybody', () => {
    const { cluster, nodes } = formed('tags', 5)
    nodes[2]?.act((core) => core.setApplications(cluster.scheduler.nowMs(), ['orders', 'stock']))
    const heard = (node: SimulatedNode): string =>
      String(node.core.members().find(({ nodeId }) => nodeId === 'n2')?.applications)
    cluster.scheduler.runUntil(() => nodes.every((node) => heard(node) === 'orders,stock'), 5_000)
    expect(nodes.every((node) => heard(node) === 'orders,stock')).toBe(true)
  })

  it('waits for as many founders as are expected', () => {
    const cluster = new SimulatedCluster('founders')
    const formation = { expect: 3 }
    const [a, b] = [cluster.start('a', { formation }), cluster.start('b', { formation })]
    cluster.scheduler.runFor(30_000)
    expect([a.isFormed, b.isFormed]).toEqual([false, false])
    const c = cluster.start('c', { formation })
    cluster.scheduler.runUntil(() => [a, b, c].every(({ isFormed }) => isFormed), 10_000)
    expect(cluster.agrees).toBe(true)
  })

  it('forms nothing when nobody may', () => {
    const cluster = new SimulatedCluster('nobody')
    const nodes = [cluster.start('a'), cluster.start('b')]
    cluster.scheduler.runFor(60_000)
    expect(nodes.map(({ isFormed }) => isFormed)).toEqual([false, false])
  })

  it('does not mix clusters of different names', () => {
    const cluster = new SimulatedCluster('names')
    const alone = { formation: { alone: true } }
    const a = cluster.start('a', { cluster: 'one', ...alone })
    const b = cluster.start('b', { cluster: 'two', ...alone })
    cluster.scheduler.runFor(30_000)
    expect([a.idsIn('alive'), b.idsIn('alive')]).toEqual([['a'], ['b']])
    expect(a.core.counters.otherCluster).toBeGreaterThan(0)
  })

  it('learns from the sender where a node is that binds every address', () => {
    const cluster = new SimulatedCluster('any address')
    const a = cluster.start('a', { formation: { alone: true } })
    cluster.start('b')
    cluster.scheduler.runUntil(() => cluster.agrees, 10_000)
    const b = a.core.members().find(({ nodeId }) => nodeId === 'b')
    expect(b?.addresses).toEqual([{ host: 'b', udpPort: 7_000, tcpPort: 0 }])
    // And they learn it of themselves, the first one as well as the one that joined.
    const isLearned = (node: SimulatedNode): boolean =>
      node.core.self.addresses[0]?.host === node.core.self.nodeId
    cluster.scheduler.runUntil(() => cluster.living.every(isLearned), 10_000)
  })
})

describe('a node that is killed', () => {
  it.each(seeds)('is failed everywhere within 15 s, and nobody else is (%s)', (seed) => {
    const { cluster, nodes } = formed(seed, 10)
    const victim = nodes[3] as SimulatedNode
    victim.kill()
    const others = cluster.living
    const tookMs = cluster.scheduler.runUntil(
      () => others.every((node) => node.stateOf('n3') === 'failed'),
      15_000,
    )
    // Not before it had the time to deny it.
    expect(tookMs).toBeGreaterThan(3_500)
    cluster.scheduler.runFor(60_000)
    for (const node of others) {
      expect(node.idsIn('failed')).toEqual(['n3'])
      expect(node.kindsOf('n3').filter((kind) => kind === 'failed')).toHaveLength(1)
    }
  })

  it('is seen again when it returns with the same id and address', () => {
    const { cluster, nodes } = formed('return', 5)
    nodes[3]?.kill()
    cluster.scheduler.runUntil(() => nodes[0]?.stateOf('n3') === 'failed', 15_000)
    cluster.start('n3')
    cluster.scheduler.runUntil(() => cluster.agrees, 15_000)
    expect(nodes[0]?.kindsOf('n3')).toEqual(['joined', 'suspect', 'failed', 'joined'])
  })

  it('is seen as restarted when it is back before anybody missed it', () => {
    const { cluster, nodes } = formed('quick return', 5)
    nodes[3]?.kill()
    cluster.start('n3')
    cluster.scheduler.runUntil(() => cluster.agrees, 15_000)
    cluster.scheduler.runFor(30_000)
    expect(cluster.agrees).toBe(true)
    expect(nodes[0]?.kindsOf('n3')).toContain('restarted')
    expect(nodes[0]?.kindsOf('n3')).not.toContain('failed')
  })

  it.each([
    { isNoticed: true, host: 'n3' },
    { isNoticed: true, host: 'elsewhere' },
    { isNoticed: false, host: 'n3' },
    { isNoticed: false, host: 'elsewhere' },
  ])('is seen again when it had formed a cluster by itself meanwhile (%o)', (how) => {
    const { cluster, nodes } = formed(`alone ${how.isNoticed} ${how.host}`, 5)
    const others = nodes.filter(({ id }) => id !== 'n3')
    nodes[3]?.kill()
    if (how.isNoticed) {
      const isFailed = (): boolean => others.every((node) => node.stateOf('n3') === 'failed')
      cluster.scheduler.runUntil(isFailed, 15_000)
    }
    cluster.network.partition([how.host], ['n0', 'n1', 'n2', 'n4'])
    const again = cluster.start('n3', { formation: { alone: true }, host: how.host })
    cluster.scheduler.runUntil(() => again.isFormed, 5_000)
    cluster.network.heal()
    const bootOf = (node: SimulatedNode): string | undefined =>
      node.core.members().find(({ nodeId }) => nodeId === 'n3')?.bootId
    const isKnown = (): boolean => others.every((node) => bootOf(node) === again.core.self.bootId)
    cluster.scheduler.runUntil(() => cluster.agrees && isKnown(), 60_000)
    cluster.scheduler.runFor(60_000)
    expect(cluster.agrees && isKnown()).toBe(true)
    expect(again.hasConflict).toBe(false)
  })

  it('is seen again when it returns at another address', () => {
    const { cluster, nodes } = formed('other address', 5)
    nodes[3]?.kill()
    const again = cluster.start('n3', { host: 'elsewhere' })
    const others = cluster.living.filter(({ id }) => id !== 'n3')
    const hostOf = (node: SimulatedNode): string | undefined =>
      node.core.members().find(({ nodeId }) => nodeId === 'n3')?.addresses[0]?.host
    const isKnown = (): boolean => others.every((node) => hostOf(node) === 'elsewhere')
    cluster.scheduler.runUntil(() => cluster.agrees && isKnown(), 30_000)
    cluster.scheduler.runFor(30_000)
    expect(cluster.agrees && isKnown()).toBe(true)
    expect(again.hasConflict).toBe(false)
  })
})

describe('a node that leaves', () => {
  it('is seen as left at once, and never as failed', () => {
    const { cluster, nodes } = formed('leave', 10)
    nodes[3]?.leave()
    const others = cluster.living
    const tookMs = cluster.scheduler.runUntil(
      () => others.every((node) => node.stateOf('n3') === 'left'),
      5_000,
    )
    expect(tookMs).toBeLessThan(1_000)
    cluster.scheduler.runFor(60_000)
    for (const node of others) {
      expect(node.kindsOf('n3')).not.toContain('failed')
      expect(node.stateOf('n3')).toBe('left')
    }
  })

  it('says before that it drains, and keeps answering', () => {
    const { cluster, nodes } = formed('drain', 5)
    nodes[3]?.act((core) => core.drain(cluster.scheduler.nowMs()))
    cluster.scheduler.runUntil(
      () => nodes.every((node) => node.stateOf('n3') === 'draining'),
      5_000,
    )
    cluster.scheduler.runFor(30_000)
    expect(nodes[0]?.stateOf('n3')).toBe('draining')
  })
})

describe('a bad network', () => {
  it.each(seeds)('that loses every tenth packet kills nobody in 5 minutes (%s)', (seed) => {
    const cluster = new SimulatedCluster(seed, { delayMs: 5, jitterMs: 20, loss: 0.1 })
    const nodes = cluster.startMany(10)
    cluster.scheduler.runUntil(() => cluster.agrees, 60_000)
    cluster.scheduler.runFor(300_000)
    expect(cluster.network.counters.lost).toBeGreaterThan(100)
    for (const node of nodes) {
      const failed = node.changes.filter(({ kind }) => kind === 'failed')
      expect(failed).toEqual([])
    }
  })

  it('that doubles packets changes nothing', () => {
    const cluster = new SimulatedCluster('doubles', { delayMs: 1, jitterMs: 30, duplication: 0.5 })
    cluster.startMany(5)
    cluster.scheduler.runUntil(() => cluster.agrees, 15_000)
    cluster.scheduler.runFor(60_000)
    expect(cluster.agrees).toBe(true)
    expect(cluster.network.counters.duplicated).toBeGreaterThan(100)
  })

  it.each([false, true])('that splits in two heals to one view (seeds gone: %s)', (gone) => {
    const { cluster, nodes } = formed('split', 6)
    cluster.seedsAreGone = gone
    const ids = nodes.map(({ id }) => id)
    cluster.network.partition(ids.slice(0, 3), ids.slice(3))
    cluster.scheduler.runUntil(() => nodes[0]?.idsIn('failed').length === 3, 30_000)
    cluster.scheduler.runFor(120_000)
    expect(nodes[0]?.idsIn('alive')).toEqual(['n0', 'n1', 'n2'])
    expect(nodes[5]?.idsIn('alive')).toEqual(['n3', 'n4', 'n5'])
    cluster.network.heal()
    cluster.scheduler.runUntil(() => cluster.agrees, 60_000)
    expect(cluster.agrees).toBe(true)
  })

  it('that is cut between two nodes is bridged by the others', () => {
    const { cluster, nodes } = formed('cut', 5)
    cluster.network.cut('n0', 'n1')
    cluster.network.cut('n1', 'n0')
    cluster.scheduler.runFor(60_000)
    expect(cluster.network.counters.blocked).toBeGreaterThan(10)
    expect(nodes[0]?.kindsOf('n1')).not.toContain('failed')
  })
})

describe('a process that stands still', () => {
  it('for 3 s is not declared dead, and accuses nobody when it goes on', () => {
    for (const seed of seeds) {
      const { cluster, nodes } = formed(`pause ${seed}`, 5)
      nodes[2]?.pause(3_000)
      cluster.scheduler.runFor(30_000)
      for (const node of nodes) {
        expect(node.changes.filter(({ kind }) => kind === 'failed')).toEqual([])
      }
      // It heard nothing for 3 s, which says nothing about the others.
      expect(nodes[2]?.changes.filter(({ kind }) => kind === 'suspect')).toEqual([])
      expect(cluster.agrees).toBe(true)
    }
  })

  it('for 30 s is declared dead, and is back when it goes on', () => {
    const { cluster, nodes } = formed('long pause', 5)
    nodes[2]?.pause(30_000)
    cluster.scheduler.runUntil(() => nodes[0]?.stateOf('n2') === 'failed', 20_000)
    cluster.scheduler.runFor(15_000)
    cluster.scheduler.runUntil(() => cluster.agrees, 30_000)
    expect(nodes[2]?.changes.filter(({ kind }) => kind === 'failed')).toEqual([])
    expect(nodes[2]?.hasConflict).toBe(false)
  })
})

describe('two living processes with one id', () => {
  it('the newcomer hears of the conflict and the first one stays', () => {
    const { cluster, nodes } = formed('conflict', 3)
    const twin = cluster.start('n1', { host: 'twin' })
    cluster.scheduler.runUntil(() => twin.hasConflict, 10_000)
    twin.kill()
    cluster.scheduler.runFor(30_000)
    expect(nodes[1]?.hasConflict).toBe(false)
    expect(nodes[0]?.idsIn('alive')).toEqual(['n0', 'n1', 'n2'])
  })
})

describe('a run', () => {
  it('is the same again for the same seed', () => {
    const trace = (seed: string): string => {
      const { cluster, nodes } = formed(seed, 10, { delayMs: 1, jitterMs: 20 })
      nodes[3]?.kill()
      cluster.scheduler.runFor(60_000)
      const changes = nodes.map((node) =>
        node.changes.map(({ kind, member }) => [kind, member.nodeId]),
      )
      return JSON.stringify([changes, cluster.network.counters])
    }
    expect(trace('one')).toBe(trace('one'))
    expect(trace('one')).not.toBe(trace('two'))
  })
})
