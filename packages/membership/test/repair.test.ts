import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { PacketKind } from '../src/wire/packet.ts'
import { decodePacket } from '../src/wire/packet-codec.ts'
import { bootOf, packetOf, recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'
import { SimulatedCluster, type SimulatedNode } from './simulated-cluster.ts'

function formed(seed: string, count: number) {
  const cluster = new SimulatedCluster(seed)
  const nodes = cluster.startMany(count)
  cluster.scheduler.runUntil(() => cluster.agrees && nodes.every((node) => node.isFormed), 60_000)
  cluster.scheduler.runFor(10_000)
  return { cluster, nodes }
}

/** Hands over what two cores have for each other, except probes and gossip, until they are done. */
function exchange(
  one: ScriptedPeers,
  other: ScriptedPeers,
): { bytes: number; kinds: PacketKind[] } {
  let bytes = 0
  const kinds: PacketKind[] = []
  let [speaker, listener] = [one, other]
  for (let turn = 0; turn < 8; turn += 1) {
    const packets = speaker.effects.flatMap((effect) =>
      effect.kind === 'send' ? [effect.bytes] : [],
    )
    speaker.clear()
    for (const packet of packets) {
      const decoded = decodePacket(packet, { min: 1, max: 1 })
      if ('problem' in decoded || ['ping', 'ack', 'gossip'].includes(decoded.body.kind)) continue
      bytes += packet.length
      kinds.push(decoded.body.kind)
      const from = { host: speaker.core.self.nodeId, port: 1 }
      listener.core.handlePacket(listener.nowMs, from, packet)
      listener.collect()
    }
    ;[speaker, listener] = [listener, speaker]
  }
  return { bytes, kinds }
}

describe('anti-entropy', () => {
  it('costs what follows from the difference, and leaves two equal views', () => {
    const ids = Array.from({ length: 500 }, (_, index) => `n${index}`)
    const views = ['self', 'other'].map((id) => {
      const addresses = [{ host: id, udpPort: 1, tcpPort: 0 }]
      const peers = new ScriptedPeers(
        {},
        { nodeId: parseNodeId(id), bootId: bootOf(id), addresses },
      )
      for (const known of ['self', 'other', ...ids]) {
        if (known !== id) peers.say('n1', { kind: 'repair' }, recordOf(known))
      }
      peers.clear()
      return peers
    })
    const [one, other] = views as [ScriptedPeers, ScriptedPeers]
    expect(one.core.digest).toBe(other.core.digest)
    // Each knows something newer, and somebody, that the other does not.
    one.say(
      'a',
      { kind: 'repair' },
      recordOf('only-one'),
      stateOf('n7', 'draining', { counter: 1 }),
    )
    other.say(
      'a',
      { kind: 'repair' },
      recordOf('only-other'),
      stateOf('n8', 'alive', { counter: 5 }),
    )
    expect(one.core.digest).not.toBe(other.core.digest)
    one.clear()
    other.clear()
    const buckets = { kind: 'digest', root: other.core.digest, buckets: bucketsOf(other) } as const
    one.core.handlePacket(0, { host: 'n1', port: 1 }, packetOf('n1', buckets))
    one.collect()
    const { bytes, kinds } = exchange(one, other)
    expect(one.core.digest).toBe(other.core.digest)
    expect(one.core.member('only-other')?.state).toBe('alive')
    expect(other.core.member('n7')?.state).toBe('draining')
    // 500 records are 25 kB.
    expect(bytes).toBeLessThan(3_000)
    expect(kinds).toContain('summary')
  })

  it('heals what gossip lost', () => {
    const { cluster, nodes } = formed('lost', 12)
    const hurt = nodes[4] as SimulatedNode
    for (const { host } of nodes) if (host !== hurt.host) cluster.network.cut(host, hurt.host)
    nodes[0]?.act((core) => core.setTags(cluster.scheduler.nowMs(), { zone: 'north' }))
    cluster.scheduler.runFor(1_000)
    cluster.network.heal()
    const zone = (node: SimulatedNode): string | undefined => node.core.member('n0')?.tags.zone
    cluster.scheduler.runUntil(
      () => nodes.every((node) => node === nodes[0] || zone(node) === 'north'),
      10_000,
    )
    expect(zone(hurt)).toBe('north')
  })

  it('is silent where views are equal', () => {
    const { cluster, nodes } = formed('silent', 20)
    const before = nodes.map((node) => node.core.counters.syncs)
    const sentBytes = cluster.network.counters.sentBytes
    cluster.scheduler.runFor(60_000)
    expect(nodes.map((node) => node.core.counters.syncs)).toEqual(before)
    expect((cluster.network.counters.sentBytes - sentBytes) / 60 / 20).toBeLessThan(300)
  })

  it('does not kill whom only another one believes to be gone: it is asked', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'f')
    peers.clear()
    peers.say('a', { kind: 'repair' }, stateOf('f', 'failed'))
    expect(peers.stateOf('f')).toBe('suspect')
    expect(peers.sentTo('f', 'ping')[0]?.statements[0]).toMatchObject({ state: 'suspect' })
    peers.say('f', { kind: 'gossip' }, stateOf('f', 'alive', { counter: 1 }))
    expect(peers.stateOf('f')).toBe('alive')
  })

  it('tells of a death whoever sends the record of the dead one, which no summary holds', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'f')
    peers.say('a', { kind: 'gossip' }, stateOf('f', 'failed'))
    peers.clear()
    peers.say('a', { kind: 'repair' }, recordOf('f'))
    const told = peers.sentTo('a', 'repair').flatMap(({ statements }) => statements)
    expect(told).toMatchObject([{ kind: 'state', nodeId: 'f', state: 'failed' }])
  })

  it('believes it within seconds when that one is silent here too', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'b', 'c', 'd', 'e', 'f')
    peers.say('a', { kind: 'repair' }, stateOf('f', 'failed'))
    peers.run(4_500, { answering: ['a', 'b', 'c', 'd', 'e'], nacking: true })
    expect(peers.stateOf('f')).toBe('failed')
  })

  it('serves so much a second and no more', () => {
    const peers = new ScriptedPeers({ syncBytesPerSecond: 4_096 })
    for (let index = 0; index < 300; index += 1) {
      peers.say('a', { kind: 'repair' }, recordOf(`n${index}`))
    }
    peers.clear()
    const nothing = { kind: 'digest', root: 1, buckets: new Uint32Array(256) } as const
    for (let times = 0; times < 5; times += 1) peers.say('n1', nothing)
    const served = peers.sentTo('n1', 'repair').length
    expect(served).toBeGreaterThan(0)
    expect(peers.core.counters.syncsRefused).toBe(4)
    peers.nowMs += 10_000
    peers.say('n1', nothing)
    expect(peers.sentTo('n1', 'repair').length).toBeGreaterThan(served)
  })
})

describe('a published view', () => {
  it('comes once for many changes, and holds them all', () => {
    const { cluster, nodes } = formed('views', 30)
    for (const node of nodes) expect(node.views.map(({ size }) => size)).toEqual([30])
    for (const victim of nodes.slice(10, 15)) victim.kill()
    cluster.scheduler.runFor(30_000)
    for (const node of cluster.living) {
      expect(node.views.at(-1)?.size).toBe(25)
      expect(node.views.at(-1)?.members).toHaveLength(25)
      // Five suspicions and five deaths.
      expect(node.views.length).toBeLessThanOrEqual(6)
    }
  })
})

describe('news of an application', () => {
  it('reaches everybody once and in order, on links that lose and double', () => {
    const { cluster, nodes } = formed('news', 10)
    cluster.network.setQuality({ loss: 0.1, duplication: 0.3, jitterMs: 50 })
    for (let count = 1; count <= 20; count += 1) {
      nodes[3]?.act((core) => core.emit(cluster.scheduler.nowMs(), 'deploy', Uint8Array.of(count)))
      cluster.scheduler.runFor(50)
    }
    cluster.scheduler.runFor(10_000)
    for (const node of nodes) {
      const heard = node.events.map(({ payload }) => payload[0])
      const expected = Array.from({ length: 20 }, (_, at) => at + 1)
      expect(heard).toEqual(node === nodes[3] ? [] : expected)
    }
  })
})

describe('where others are', () => {
  it('is kept when a view is published, and what changed since then a minute later', () => {
    const peers = new ScriptedPeers()
    const kept = (): string[][] =>
      peers.effects.flatMap((effect) =>
        effect.kind === 'persist' ? [effect.snapshot.peers.map(({ host }) => host).sort()] : [],
      )
    peers.join('a', 'b')
    const views = (): number => peers.effects.filter(({ kind }) => kind === 'view').length
    while (views() === 0) peers.run(100, { answering: ['a', 'b'] })
    expect(kept()).toEqual([['a', 'b']])
    peers.say('c', { kind: 'gossip' }, recordOf('c'))
    peers.run(50_000, { answering: ['a', 'b', 'c'] })
    expect(views()).toBe(2)
    expect(kept()).toEqual([['a', 'b']])
    peers.run(15_000, { answering: ['a', 'b', 'c'] })
    expect(kept()).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ])
    peers.run(200_000, { answering: ['a', 'b', 'c'] })
    expect(kept()).toHaveLength(2)
  })
})

describe('an epoch', () => {
  it('that was kept is exceeded at the next start, so the node is never taken for its past', () => {
    const peers = new ScriptedPeers()
    peers.core.restored(0, { epoch: 41, peers: [{ host: 'known', port: 1 }] })
    peers.collect()
    expect(peers.core.self.incarnation).toEqual({ epoch: 42, counter: 0 })
    expect(peers.effects).toContainEqual({ kind: 'persist', snapshot: { epoch: 42, peers: [] } })
    expect(peers.sentTo('known', 'join')).toHaveLength(1)
  })

  it('that only the cluster remembers is exceeded when it is heard of', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.say('a', { kind: 'gossip' }, stateOf('self', 'failed', { bootTag: 1, epoch: 9 }))
    expect(peers.core.self.incarnation).toEqual({ epoch: 10, counter: 0 })
  })
})

describe('round trips', () => {
  it('are estimated to members that were probed', () => {
    const { cluster, nodes } = formed('rtt', 4)
    cluster.scheduler.runFor(120_000)
    const estimate = nodes[0]?.core.rttMs('n1') ?? 0
    expect(estimate).toBeGreaterThan(1)
    expect(estimate).toBeLessThan(20)
    expect(nodes[0]?.core.rttMs('n0')).toBe(0)
    expect(nodes[0]?.core.rttMs('nobody')).toBeUndefined()
  })
})

function bucketsOf(peers: ScriptedPeers): Uint32Array {
  // What the core would send: its digest goes out when another one shows a different root.
  peers.nowMs += 20_000
  peers.say('n1', { kind: 'ping', probe: 1, target: peers.core.self.nodeId, root: 1 })
  const [digest] = peers.sentTo('n1', 'digest')
  peers.clear()
  if (digest?.body.kind !== 'digest') throw new Error('no digest was sent')
  return digest.body.buckets
}
