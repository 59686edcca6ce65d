import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { Member } from '../src/core/member.ts'
import { bootOf, packetOf, recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'
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

describe('who must have no connection', () => {
  const admit = ({ nodeId }: Member): string | null =>
    nodeId.startsWith('evil') ? 'evil is not welcome' : null
  const evil = parseNodeId('evil')

  it('is who was not admitted, that process and no other', () => {
    let isLenient = false
    const peers = new ScriptedPeers({}, { admit: (member) => (isLenient ? null : admit(member)) })
    peers.join('a')
    peers.say('a', gossip, recordOf('evil'))
    const refusal = { code: 'admission', reason: 'evil is not welcome' }
    expect(peers.core.keptOut(evil, bootOf('evil'))).toMatchObject(refusal)
    expect(peers.core.keptOut(evil, null)).toMatchObject(refusal)
    expect(peers.core.keptOut(parseNodeId('a'), bootOf('a'))).toBe(null)
    // It was started again, and may take part now.
    isLenient = true
    peers.say('a', gossip, recordOf('evil', { bootId: bootOf('evil anew'), epoch: 2 }))
    expect(peers.core.keptOut(evil, bootOf('evil anew'))).toBe(null)
    expect(peers.core.keptOut(evil, null)).toBe(null)
  })

  it('is who speaks no version that is spoken here', () => {
    const peers = new ScriptedPeers()
    peers.say('old', gossip, recordOf('old', { protocol: { min: 7, max: 9 } }))
    expect(peers.core.keptOut(parseNodeId('old'), bootOf('old'))).toMatchObject({ code: 'version' })
  })

  it('is asked by its ids when nobody has told of it', () => {
    const peers = new ScriptedPeers({}, { admit })
    expect(peers.core.keptOut(evil, bootOf('evil'))).toMatchObject({ code: 'admission' })
    expect(peers.core.keptOut(parseNodeId('b'), bootOf('b'))).toBe(null)
    // Whoever is dialed must be known by more than a name.
    expect(peers.core.keptOut(evil, null)).toBe(null)
  })

  it('is a member that is held back, until it is let in again', () => {
    const peers = new ScriptedPeers({ quarantineMs: 10_000 })
    peers.join('a', 'b', 'f')
    const f = parseNodeId('f')
    for (const counter of [0, 1]) {
      peers.say('a', gossip, stateOf('f', 'failed', { counter }))
      expect(peers.core.keptOut(f, null)).toBe(null)
      peers.say('f', gossip, stateOf('f', 'alive', { counter: counter + 1 }))
    }
    expect(peers.stateOf('f')).toBe('failed')
    expect(peers.core.keptOut(f, bootOf('f'))).toMatchObject({ code: 'quarantine' })
    expect(peers.core.keptOut(f, null)).toMatchObject({ code: 'quarantine' })
    peers.run(12_000, { answering: ['a', 'b', 'f'] })
    expect(peers.stateOf('f')).toBe('alive')
    expect(peers.core.keptOut(f, null)).toBe(null)
  })

  it('is remembered within bounds', () => {
    const peers = new ScriptedPeers({}, { admit })
    peers.join('a')
    for (let count = 0; count < 300; count += 1) peers.say('a', gossip, recordOf(`evil-${count}`))
    const known = Array.from({ length: 300 }, (_, at) => parseNodeId(`evil-${at}`)).filter(
      (id) => peers.core.keptOut(id, null) !== null,
    )
    expect(known).toHaveLength(256)
    expect(known.at(-1)).toBe('evil-299')
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
