import type { NodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { hashText } from '../src/core/hash.ts'
import type { Statement } from '../src/wire/statement.ts'
import { recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'

const others = ['a', 'b', 'c', 'd', 'e', 'f']
const gossip = { kind: 'gossip' } as const
/** Nobody is probed unless something asks for it. */
const silent = { probePeriodMs: 60_000, watchPeriodMs: 120_000 }

function pinged(peers: ScriptedPeers, from: string, root: number): void {
  peers.say(from, { kind: 'ping', probe: 1, target: 'self', root })
}

function told(peers: ScriptedPeers, to: string): Statement[] {
  return peers.sentTo(to, 'repair').flatMap(({ statements }) => [...statements])
}

/** A summary of everything in one bucket, as another node has it. */
function summary(peers: ScriptedPeers, ...statements: readonly Statement[]): void {
  peers.say('a', { kind: 'summary', bucketCount: 1, buckets: [0] }, ...statements)
}

/** All of the others as this node has them too, so that only what is given differs. */
function asKnown(...different: readonly Statement[]): Statement[] {
  const ids = new Set<string>(different.map(({ nodeId }) => nodeId))
  const same = others.filter((id) => !ids.has(id)).map((id) => stateOf(id, 'alive'))
  return [stateOf('self', 'alive'), ...same, ...different]
}

describe('views', () => {
  it('that differ are compared once they stood still for a second, and once a second', () => {
    const peers = new ScriptedPeers(silent)
    peers.join(...others)
    pinged(peers, 'a', peers.core.digest)
    peers.run(20_000)
    peers.clear()
    const digests = (): number => peers.sentTo('a', 'digest').length
    pinged(peers, 'a', 1)
    expect(digests()).toBe(1)
    peers.run(1_500)
    peers.say('b', gossip, recordOf('g'))
    for (let count = 0; count < 10; count += 1) {
      pinged(peers, 'a', 1)
      expect(digests()).toBe(1)
      peers.run(100)
    }
    pinged(peers, 'a', 1)
    peers.run(900)
    pinged(peers, 'a', 1)
    expect(digests()).toBe(2)
    peers.run(100)
    pinged(peers, 'a', 1)
    expect(digests()).toBe(3)
  })

  it('that are equal, or of somebody who is not known, are not compared', () => {
    const peers = new ScriptedPeers(silent)
    peers.join(...others)
    pinged(peers, 'a', peers.core.digest)
    peers.run(20_000, { answering: others })
    peers.clear()
    pinged(peers, 'stranger', 1)
    pinged(peers, 'a', peers.core.digest)
    const kinds = peers.sent.map(({ packet }) => packet.body.kind)
    expect(kinds).not.toContain('digest')
    peers.say('a', { kind: 'digest', root: peers.core.digest, buckets: Uint32Array.of(7) })
    expect(peers.core.counters.syncs).toBe(0)
  })

  it('of a newcomer are compared several times a second, until somebody has the same', () => {
    const peers = new ScriptedPeers(silent)
    peers.join(...others)
    peers.run(20_000, { answering: others })
    pinged(peers, 'a', peers.core.digest)
    const digests = (): number =>
      peers.sent.filter(({ packet }) => packet.body.kind === 'digest').length
    peers.clear()
    peers.run(2_000, { answering: others })
    expect(digests()).toBe(0)
    peers.say('a', { kind: 'welcome', protocol: { min: 1, max: 1 }, root: 1 })
    peers.run(2_000, { answering: others })
    expect(digests()).toBeGreaterThan(6)
    expect(digests()).toBeLessThan(16)
    pinged(peers, 'b', peers.core.digest)
    peers.clear()
    peers.run(2_000, { answering: others })
    expect(digests()).toBe(0)
  })
})

describe('the digest of another node', () => {
  it('is answered with records where it has nothing, else with what is here', () => {
    const peers = new ScriptedPeers(silent)
    peers.join(...others)
    peers.say('b', gossip, stateOf('f', 'failed'))
    peers.clear()
    peers.say('a', { kind: 'digest', root: 1, buckets: Uint32Array.of(0) })
    const records = told(peers, 'a')
    expect(records.map(({ kind }) => kind)).toEqual(records.map(() => 'record'))
    expect(records.map(({ nodeId }) => nodeId).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'self'])
    peers.clear()
    peers.say('a', { kind: 'digest', root: 1, buckets: Uint32Array.of(7) })
    expect(told(peers, 'a')).toEqual([])
    const [answer] = peers.sentTo('a', 'summary')
    expect(answer?.body).toMatchObject({ bucketCount: 1, buckets: [0] })
    const listed = answer?.statements.map(({ kind, nodeId }) => `${kind} ${nodeId}`) ?? []
    expect(listed.sort()).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'self'].map((id) => `state ${id}`).sort(),
    )
    expect(peers.core.counters.syncs).toBe(2)
  })
})

describe('the summary of another node', () => {
  const joined = (): ScriptedPeers => {
    const peers = new ScriptedPeers(silent)
    peers.join(...others)
    peers.run(1_500, { answering: others })
    peers.clear()
    return peers
  }

  it('is answered with nothing where both have the same', () => {
    const peers = joined()
    summary(peers, ...asKnown())
    expect(told(peers, 'a')).toEqual([])
  })

  it('is answered with the record of whom it lacks, but not of the gone', () => {
    const peers = joined()
    peers.say('b', gossip, stateOf('f', 'failed'))
    const known = asKnown().filter(({ nodeId }) => !['e', 'f'].includes(nodeId))
    summary(peers, ...known)
    expect(told(peers, 'a')).toMatchObject([{ kind: 'record', nodeId: 'e' }])
  })

  it('is answered with a newer state and with newer tags', () => {
    const peers = joined()
    const entries = [{ kind: 'tag', key: 'k', value: 'v', version: 3 }] as const
    peers.say('b', gossip, stateOf('e', 'draining', { counter: 2 }))
    peers.say('b', gossip, recordOf('d', { counter: 1, metadata: { from: 0, to: 3, entries } }))
    summary(peers, ...asKnown(stateOf('d', 'alive', { counter: 1 })))
    const answers = told(peers, 'a')
    expect(answers).toHaveLength(2)
    expect(answers).toContainEqual(
      expect.objectContaining({ kind: 'metadata', nodeId: 'd', from: 0, to: 3 }),
    )
    expect(answers).toContainEqual(stateOf('e', 'draining', { counter: 2 }))
  })

  it('is not answered with a suspicion, which is no difference of views', () => {
    const peers = joined()
    peers.say('b', gossip, stateOf('f', 'suspect', { accusers: [hashText('b')] }))
    summary(peers, ...asKnown())
    expect(told(peers, 'a')).toEqual([])
  })

  it('is answered with a death, and the dead one is asked at the same time', () => {
    const peers = joined()
    peers.say('b', gossip, stateOf('f', 'failed'))
    peers.clear()
    summary(peers, ...asKnown(stateOf('f', 'alive')))
    expect(told(peers, 'a')).toEqual([stateOf('f', 'failed')])
    expect(peers.sentTo('f', 'ping')).toHaveLength(1)
  })

  it.each([
    { epoch: 0, says: ['record f'] },
    // Either may be the later one.
    { epoch: 1, says: ['need f', 'record f'] },
    { epoch: 2, says: ['need f'] },
  ])('that has another process of a node is answered by the epochs ($says)', ({ epoch, says }) => {
    const peers = joined()
    summary(peers, ...asKnown(stateOf('f', 'alive', { bootTag: 9, epoch })))
    expect(told(peers, 'a').map(({ kind, nodeId }) => `${kind} ${nodeId}`)).toEqual(says)
  })

  it('teaches what is newer in it, and that needs no telling', () => {
    const peers = joined()
    summary(peers, ...asKnown(stateOf('e', 'draining', { counter: 2 }), stateOf('new', 'alive')))
    expect(peers.stateOf('e')).toBe('draining')
    expect(told(peers, 'a').map(({ kind, nodeId }) => `${kind} ${nodeId}`)).toEqual(['need new'])
    expect(peers.core.backlog.news).toBe(0)
    peers.say('a', { kind: 'repair' }, recordOf('new'))
    expect(peers.stateOf('new')).toBe('alive')
    expect(peers.core.backlog.news).toBe(0)
    expect(peers.core.counters.repaired).toBe(1)
  })
})

describe('a question of another node', () => {
  it('is answered with the record, or with the tags after those that it has', () => {
    const peers = new ScriptedPeers(silent)
    const tag = (version: number) =>
      ({ kind: 'tag', key: `k${version}`, value: 'v', version }) as const
    peers.join('a')
    const metadata = { from: 0, to: 2, entries: [tag(2)] }
    const later = { kind: 'metadata', from: 2, to: 5, entries: [tag(5)] } as const
    const { nodeId: b, bootTag } = stateOf('b', 'alive')
    peers.say('a', gossip, recordOf('b', { metadata }), { ...later, nodeId: b, bootTag })
    const ask = (id: string, metadataAfter: number | null): Statement[] => {
      peers.clear()
      peers.say('a', { kind: 'repair' }, { kind: 'need', nodeId: id as NodeId, metadataAfter })
      return told(peers, 'a')
    }
    expect(ask('b', null)).toMatchObject([{ kind: 'record', nodeId: 'b' }])
    expect(ask('self', null)).toMatchObject([{ kind: 'record', nodeId: 'self' }])
    expect(ask('b', 2)).toMatchObject([{ kind: 'metadata', nodeId: 'b', from: 2, to: 5 }])
    expect(ask('nobody', null)).toEqual([])
  })
})
