import { describe, expect, it } from 'vitest'
import type { Member } from '../src/core/member.ts'
import { packetOf, recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

const gossip = { kind: 'gossip' } as const

describe('the admission of members', () => {
  const admit = ({ nodeId }: Member): string | null =>
    nodeId.startsWith('evil') ? 'evil is not welcome' : null

  it('tells a joiner why it must stay outside, and knows nothing of it', () => {
    const peers = new ScriptedPeers({}, { admit })
    peers.say('evil', { kind: 'join', protocol: { min: 1, max: 1 } }, recordOf('evil'))
    expect(peers.sentTo('evil', 'welcome')).toEqual([])
    expect(peers.sentTo('evil', 'refusal')[0]?.body).toMatchObject({
      code: 'admission',
      reason: 'evil is not welcome',
    })
    expect(peers.core.member('evil')).toBeUndefined()
    expect(peers.core.counters.notAdmitted).toBe(1)
  })

  it('is asked also of those whom others tell about, who get no packet', () => {
    const peers = new ScriptedPeers({}, { admit })
    peers.join('a')
    peers.say('a', gossip, recordOf('evil'))
    peers.say('a', { kind: 'repair' }, recordOf('evil-too'), stateOf('evil', 'alive'))
    peers.run(20_000, { answering: ['a'] })
    expect(peers.core.members().map(({ nodeId }) => nodeId)).toEqual(['self', 'a'])
    expect(peers.sent.filter(({ to }) => to.startsWith('evil'))).toEqual([])
  })

  it('reaches the joiner as a refusal, and keeps it out of the cluster', () => {
    const cluster = new SimulatedCluster('admission')
    const first = cluster.start('a', { formation: { alone: true }, admit })
    const evil = cluster.start('evil')
    cluster.scheduler.runFor(10_000)
    expect(evil.isFormed).toBe(false)
    expect(evil.refusals[0]).toMatchObject({ code: 'admission', from: 'a' })
    expect(first.idsIn('alive', 'suspect', 'failed')).toEqual(['a'])
  })
})

describe('versions of the protocol', () => {
  it('that do not overlap give the joiner an answer that it can read', () => {
    const cluster = new SimulatedCluster('versions')
    cluster.start('a', { formation: { alone: true }, protocol: { min: 1, max: 2 } })
    const future = cluster.start('future', { protocol: { min: 3, max: 4 } })
    cluster.scheduler.runFor(10_000)
    expect(future.isFormed).toBe(false)
    expect(future.refusals[0]).toMatchObject({ code: 'version', from: 'a' })
  })

  it('that overlap are spoken at the highest that both know', () => {
    const peers = new ScriptedPeers({}, { protocol: { min: 1, max: 3 } })
    peers.say('old', gossip, recordOf('old', { protocol: { min: 1, max: 2 } }))
    peers.say('new', gossip, recordOf('new', { protocol: { min: 3, max: 9 } }))
    peers.clear()
    peers.run(10_000)
    const versions = (to: string): number[] => [
      ...new Set(peers.sentTo(to, 'ping').map(({ header }) => header.version)),
    ]
    expect([versions('old'), versions('new')]).toEqual([[2], [3]])
  })

  it('let a rolling upgrade pass: old and new nodes are one cluster', () => {
    const cluster = new SimulatedCluster('upgrade')
    cluster.start('a', { formation: { alone: true }, protocol: { min: 1, max: 1 } })
    cluster.start('b', { protocol: { min: 1, max: 2 } })
    cluster.start('c', { protocol: { min: 1, max: 3 } })
    cluster.scheduler.runUntil(() => cluster.agrees, 10_000)
    cluster.scheduler.runFor(30_000)
    expect(cluster.agrees).toBe(true)
    for (const node of cluster.living) expect(node.core.counters.version).toBe(0)
  })

  it('that are not spoken are dropped and counted', () => {
    const peers = new ScriptedPeers()
    peers.core.handlePacket(0, { host: 'a', port: 1 }, packetOf('a', gossip, [recordOf('a')], 7))
    expect(peers.core.counters.version).toBe(1)
    expect(peers.core.members()).toHaveLength(1)
  })
})
