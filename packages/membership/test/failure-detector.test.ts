import type { BootId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { hashText } from '../src/core/hash.ts'
import type { Packet } from '../src/wire/packet.ts'
import { bootOf, recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'

const others = ['a', 'b', 'c', 'd', 'e', 'f']
const gossip = { kind: 'gossip' } as const

describe('a suspicion', () => {
  it.each([
    { confirmations: 0, lastsMs: 21_000 },
    { confirmations: 1, lastsMs: 12_250 },
    { confirmations: 2, lastsMs: 7_132 },
    { confirmations: 3, lastsMs: 3_500 },
  ])('lasts as long as its confirmations ask for (%o)', ({ confirmations, lastsMs }) => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    const accusers = ['a', 'b', 'c', 'd'].slice(0, confirmations + 1).map((id) => hashText(id))
    // One after the other, and each of them twice: an accuser counts once.
    for (const accuser of [...accusers, ...accusers]) {
      peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [accuser] }))
    }
    expect(peers.stateOf('f')).toBe('suspect')
    peers.run(lastsMs - 20, { answering: others })
    expect(peers.stateOf('f')).toBe('suspect')
    peers.run(40, { answering: others })
    expect(peers.stateOf('f')).toBe('failed')
  })

  it.each([
    { confirmations: 2, lastsMs: 5 * 7_132 },
    { confirmations: 3, lastsMs: 2 * 3_500 },
  ])(
    'lasts longer at a node that doubts itself, at most twice with three witnesses (%o)',
    (given) => {
      const peers = new ScriptedPeers()
      peers.join(...others)
      for (let times = 0; times < 4; times += 1) peers.core.loopDelayed(900)
      const accusers = ['a', 'b', 'c', 'd']
        .slice(0, given.confirmations + 1)
        .map((id) => hashText(id))
      peers.say('a', gossip, stateOf('f', 'suspect', { accusers }))
      peers.run(given.lastsMs - 20, { answering: others })
      expect(peers.stateOf('f')).toBe('suspect')
      peers.run(40, { answering: others })
      expect(peers.stateOf('f')).toBe('failed')
    },
  )

  it('ends with a word of the suspect above the accusation, and only with that', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.say('a', gossip, stateOf('f', 'suspect', { counter: 3, accusers: [hashText('a')] }))
    peers.say('f', gossip, stateOf('f', 'alive', { counter: 3 }))
    expect(peers.stateOf('f')).toBe('suspect')
    peers.say('f', gossip, stateOf('f', 'alive', { counter: 4 }))
    expect(peers.stateOf('f')).toBe('alive')
    peers.run(60_000, { answering: others })
    expect(peers.stateOf('f')).toBe('alive')
  })

  it('does not end a death: an old word of the same incarnation changes nothing', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.say('a', gossip, stateOf('f', 'failed'))
    peers.say('f', gossip, stateOf('f', 'alive'))
    expect(peers.stateOf('f')).toBe('failed')
  })

  it('goes with the ping to the suspect, so that it can deny it', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [hashText('a')] }))
    peers.clear()
    peers.run(10_000, { answering: others })
    const [ping] = peers.sentTo('f', 'ping')
    expect(ping?.statements).toContainEqual(stateOf('f', 'suspect', { accusers: [hashText('a')] }))
  })

  it('of this node is denied above the accusation, with its current tags known', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.core.setTags(0, { zone: 'north' })
    peers.say('a', gossip, stateOf('self', 'suspect', { counter: 7, accusers: [hashText('a')] }))
    expect(peers.core.self.incarnation).toEqual({ epoch: 1, counter: 8 })
    peers.run(1_000, { answering: others })
    const told = peers.sent.flatMap(({ packet }) => packet.statements)
    expect(told).toContainEqual(stateOf('self', 'alive', { counter: 8, metadataVersion: 1 }))
    // Others took it for dead, so it is probably slow itself: a point, which answers take back.
    expect(peers.core.counters.refutations).toBe(1)
  })

  it('that was denied before is answered with the denial, which its sender has missed', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    const accused = stateOf('f', 'suspect', { accusers: [hashText('a')] })
    peers.say('f', gossip, stateOf('f', 'alive', { counter: 1 }))
    peers.say('a', gossip, accused)
    const denial = stateOf('f', 'alive', { counter: 1 })
    expect(peers.sentTo('a', 'repair').flatMap(({ statements }) => statements)).toEqual([denial])
    // So does the accused one, of itself.
    peers.say('b', gossip, stateOf('self', 'suspect', { accusers: [hashText('a')] }))
    peers.clear()
    peers.say('b', gossip, stateOf('self', 'suspect', { accusers: [hashText('a')] }))
    expect(peers.sentTo('b', 'repair').flatMap(({ statements }) => statements)).toContainEqual(
      expect.objectContaining({ nodeId: 'self', state: 'alive', counter: 1 }),
    )
  })

  it('that lingers is looked at again, and others are asked what they know', () => {
    const peers = new ScriptedPeers({ watchPeriodMs: 120_000, probePeriodMs: 60_000 })
    peers.join(...others)
    peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [hashText('a')] }))
    const isAsked = ({ packet }: { packet: Packet }): boolean =>
      packet.statements.some(({ kind, nodeId }) => kind === 'need' && nodeId === 'f')
    const asked = (): number => peers.sent.filter(isAsked).length
    const answering = ['a', 'b', 'c', 'd', 'e']
    peers.run(5_000, { answering: others })
    expect(asked()).toBe(0)
    peers.clear()
    peers.run(500, { answering, nacking: true })
    expect(peers.sentTo('f', 'ping').length).toBeGreaterThan(0)
    expect(asked()).toBe(3)
    // Three others more each half of the least time, until it is over.
    peers.run(1_750, { answering, nacking: true })
    expect(asked()).toBe(6)
    peers.say('b', { kind: 'repair' }, recordOf('f', { counter: 1 }))
    expect(peers.stateOf('f')).toBe('alive')
    peers.run(20_000, { answering: others })
    expect(asked()).toBe(6)
  })

  it('with an incarnation that no node gets to is not believed', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.say('a', gossip, stateOf('self', 'failed', { counter: 2 ** 30 }))
    peers.say('a', gossip, stateOf('f', 'failed', { epoch: 2 ** 30 }))
    expect(peers.core.self.incarnation.counter).toBe(0)
    expect(peers.stateOf('f')).toBe('alive')
    expect(peers.core.counters.implausible).toBe(2)
  })
})

describe('a process that stood still', () => {
  it('gives up the probe that it had no time to hear the answer of', () => {
    const peers = new ScriptedPeers({ watchPeriodMs: 120_000 })
    peers.join('a', 'f')
    const isAsked = (): boolean => peers.sentTo('a', 'pingRequest').length > 0
    while (!isAsked()) peers.run(50, { answering: ['a'] })
    peers.nowMs += 5_000
    peers.core.tick(peers.nowMs)
    expect(peers.stateOf('f')).toBe('alive')
  })

  it('gives suspects the time again in which it could not hear their denial', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    const accusers = ['a', 'b', 'c', 'd'].map((id) => hashText(id))
    peers.say('a', gossip, stateOf('f', 'suspect', { accusers }))
    peers.run(1_000, { answering: others })
    peers.nowMs += 10_000
    peers.core.tick(peers.nowMs)
    peers.run(2_000, { answering: others })
    expect(peers.stateOf('f')).toBe('suspect')
    peers.say('f', gossip, stateOf('f', 'alive', { counter: 1 }))
    expect(peers.stateOf('f')).toBe('alive')
  })
})

describe('another process with the id of this node', () => {
  const twin = recordOf('self', {
    bootId: '7'.repeat(32) as BootId,
    addresses: [{ host: 'twin', udpPort: 1, tcpPort: 0 }],
  })

  it('that is older gets to know that this one is in the cluster', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.run(2_000, { answering: ['a'] })
    peers.clear()
    peers.say('a', gossip, { ...twin, epoch: 0 })
    expect(peers.effects.map(({ kind }) => kind)).not.toContain('conflict')
    expect(peers.sentTo('a', 'repair')[0]?.statements).toContainEqual(
      expect.objectContaining({ kind: 'record', nodeId: 'self', bootId: bootOf('self') }),
    )
  })

  it('that has replaced this one in the cluster ends this one', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.run(2_000, { answering: ['a'] })
    peers.say('a', gossip, { ...twin, epoch: 5 })
    expect(peers.effects).toContainEqual({ kind: 'conflict', address: { host: 'twin', port: 1 } })
  })
})

describe('traffic on a connection', () => {
  it('keeps this node from accusing, and three others overrule it', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    const step = (): void => {
      peers.core.linkActivity(peers.nowMs, 'f')
      peers.run(200, { answering: others.slice(0, 5), nacking: true })
    }
    for (let count = 0; count < 100; count += 1) step()
    expect(peers.stateOf('f')).toBe('alive')
    expect(peers.core.counters.vetoes).toBeGreaterThan(0)
    const accusers = ['a', 'b', 'c'].map((id) => hashText(id))
    for (const accuser of accusers) {
      peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [accuser] }))
    }
    for (let count = 0; count < 50; count += 1) step()
    expect(peers.stateOf('f')).toBe('failed')
  })

  it('that has ended proves nothing', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.core.linkActivity(0, 'f')
    peers.run(30_000, { answering: others.slice(0, 5), nacking: true })
    expect(peers.stateOf('f')).toBe('failed')
  })
})

describe('who is believed to be gone and speaks', () => {
  it('is told so, and not more than once a second', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'f')
    peers.say('a', gossip, stateOf('f', 'failed'))
    peers.clear()
    for (let count = 0; count < 5; count += 1) peers.say('f', gossip)
    const told = peers.sent.filter(({ to, packet }) => to === 'f' && packet.body.kind === 'repair')
    expect(told).toHaveLength(1)
    expect(told[0]?.packet.statements).toEqual([stateOf('f', 'failed')])
    peers.say('f', { kind: 'ping', probe: 1, target: 'self', root: 0 })
    expect(peers.sentTo('f', 'ack')[0]?.statements).toContainEqual(stateOf('f', 'failed'))
  })

  it('is contacted again, as long as it is remembered', () => {
    const peers = new ScriptedPeers({ rememberFailedMs: 60_000 })
    peers.join('a', 'f')
    peers.say('a', gossip, stateOf('f', 'failed'))
    peers.run(50_000, { answering: ['a'] })
    const knocks = peers.sentTo('f', 'join').length
    expect(knocks).toBeGreaterThanOrEqual(3)
    peers.run(60_000, { answering: ['a'] })
    expect(peers.stateOf('f')).toBeUndefined()
    const after = peers.sentTo('f', 'join').length
    peers.run(60_000, { answering: ['a'] })
    expect(peers.sentTo('f', 'join')).toHaveLength(after)
  })
})

describe('a goodbye', () => {
  it('that overtakes the record of its node applies all the same', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.say('a', gossip, stateOf('f', 'left', { counter: 4 }))
    peers.join('f')
    expect(peers.stateOf('f')).toBeUndefined()
  })

  it('or a death of somebody who is not known makes nobody known, and is not passed on', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.run(5_000, { answering: ['a'] })
    peers.clear()
    for (const state of ['left', 'failed'] as const) {
      peers.say('a', gossip, stateOf('f', state))
      peers.say('a', { kind: 'repair' }, recordOf('g', { state }))
    }
    expect(peers.core.members().map(({ nodeId }) => nodeId)).toEqual(['self', 'a'])
    expect(peers.core.backlog.news).toBe(0)
    expect(peers.sent.flatMap(({ packet }) => packet.statements)).toEqual([])
  })

  it('that comes twice, the later one first, is told a bounded number of times', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'b', 'c', 'f')
    peers.run(5_000, { answering: ['a', 'b', 'c', 'f'] })
    peers.clear()
    for (let count = 0; count < 20; count += 1) {
      for (const counter of [7, 6]) peers.say('a', gossip, stateOf('f', 'left', { counter }))
      peers.run(100, { answering: ['a', 'b', 'c'] })
    }
    peers.run(10_000, { answering: ['a', 'b', 'c'] })
    const told = peers.sent.flatMap(({ packet: { body, statements } }) =>
      // Who speaks of it is answered, which is no news.
      body.kind === 'repair' ? [] : statements.filter(({ nodeId }) => nodeId === 'f'),
    )
    // 4 * log10(5), rounded up.
    expect(told).toEqual(Array.from({ length: 3 }, () => stateOf('f', 'left', { counter: 7 })))
  })

  it('is final for its process', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'f')
    peers.say('f', gossip, stateOf('f', 'left', { counter: 1 }))
    peers.say('a', gossip, stateOf('f', 'failed', { counter: 1 }))
    peers.say('a', gossip, stateOf('f', 'alive', { counter: 1 }))
    expect(peers.stateOf('f')).toBe('left')
  })

  it('ends everything: what comes afterwards is not heard', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'b')
    peers.core.leave(0)
    peers.collect()
    expect(peers.sentTo('a', 'gossip')[0]?.statements).toContainEqual(
      stateOf('self', 'left', { counter: 1 }),
    )
    expect(peers.effects).toContainEqual({ kind: 'persist', snapshot: { epoch: 1, peers: [] } })
    peers.clear()
    peers.say('a', { kind: 'ping', probe: 1, target: 'self', root: 0 })
    peers.core.tick(100_000)
    peers.collect()
    expect(peers.effects).toEqual([])
    expect(peers.core.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('ticks', () => {
  it('that come early or twice do nothing', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.run(5_000, { answering: ['a'] })
    peers.clear()
    for (let count = 0; count < 10; count += 1) peers.core.tick(peers.nowMs - count)
    peers.collect()
    expect(peers.effects).toEqual([])
  })

  it('that come late are caught up with once, and make this node doubt itself', () => {
    const peers = new ScriptedPeers()
    peers.join(...others)
    peers.run(5_000, { answering: others })
    peers.clear()
    peers.nowMs += 60_000
    peers.core.tick(peers.nowMs)
    peers.collect()
    expect(peers.sent.length).toBeLessThan(10)
    expect(peers.core.localHealth).toBeGreaterThan(0)
    expect(peers.core.counters.stalls).toBe(1)
  })

  it('of a busy event loop stretch the periods of probes', () => {
    const count = (delayMs: number): number => {
      const peers = new ScriptedPeers()
      peers.join(...others)
      for (let second = 0; second < 60; second += 1) {
        for (let times = 0; times < 4; times += 1) peers.core.loopDelayed(delayMs)
        peers.run(1_000, { answering: others })
      }
      return peers.core.counters.probes
    }
    expect(count(300)).toBeLessThan(count(10) / 2)
  })
})
