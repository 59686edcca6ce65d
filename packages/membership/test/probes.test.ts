import { describe, expect, it } from 'vitest'
import { hashText } from '../src/core/hash.ts'
import { ScriptedPeers, stateOf } from './scripted-peers.ts'

const gossip = { kind: 'gossip' } as const

describe('a probe', () => {
  it('that gets no answer is repeated, then others are asked, then the member is accused', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'b', 'c', 'f')
    peers.run(5_000, { answering: ['a', 'b', 'c'], nacking: true })
    const direct = peers.sentTo('f', 'ping')
    const asked = peers.sent.filter(({ packet }) => packet.body.kind === 'pingRequest')
    expect(direct.length).toBeGreaterThanOrEqual(3)
    expect(new Set(asked.map(({ to }) => to))).toEqual(new Set(['a', 'b', 'c']))
    expect(['suspect', 'failed']).toContain(peers.stateOf('f'))
  })

  it.each([
    { nacking: true, isHealthy: true },
    { nacking: false, isHealthy: false },
  ])('that fails says something of this node only if helpers are silent (%o)', (how) => {
    const peers = new ScriptedPeers()
    peers.join('a', 'b', 'c', 'f')
    let worst = 0
    for (let step = 0; step < 120; step += 1) {
      peers.run(50, { answering: ['a', 'b', 'c'], nacking: how.nacking })
      worst = Math.max(worst, peers.core.localHealth)
    }
    expect(worst === 0).toBe(how.isHealthy)
  })

  it('that fails says nothing of this node where another one accuses that member, too', () => {
    const peers = new ScriptedPeers({ probePeriodMs: 60_000, watchPeriodMs: 120_000 })
    peers.join('a', 'b', 'c', 'f')
    peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [hashText('a')] }))
    for (let step = 0; step < 60; step += 1) {
      peers.run(50, { answering: ['a', 'b', 'c'] })
      expect(peers.core.localHealth).toBe(0)
    }
    expect(peers.core.counters.probesFailed).toBeGreaterThan(0)
  })

  it.each([
    { doubt: 0, lastsMs: 1_000, pings: 4 },
    { doubt: 2, lastsMs: 3_000, pings: 12 },
  ])(
    'takes longer at a node that doubts itself, and pings as much more often (%o)',
    ({ doubt, lastsMs, pings }) => {
      const peers = new ScriptedPeers({ probePeriodMs: 60_000, watchPeriodMs: 120_000 })
      peers.join('a', 'f')
      for (let count = 0; count < doubt; count += 1) peers.core.loopDelayed(1_000)
      peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [hashText('a')] }))
      const asked = (): number => peers.sentTo('a', 'pingRequest').length
      peers.run(lastsMs / 2 - 10, { answering: ['a'] })
      expect(asked()).toBe(0)
      peers.run(lastsMs / 2, { answering: ['a'] })
      expect(asked()).toBe(1)
      expect(peers.core.counters.probesFailed).toBe(0)
      expect(peers.sentTo('f', 'ping').length).toBe(pings)
      peers.run(20, { answering: ['a'] })
      expect(peers.core.counters.probesFailed).toBe(1)
    },
  )

  it.each([
    { pings: 1, isMeasured: true },
    { pings: 2, isMeasured: false },
  ])('measures the round trip if one ping was enough, else not ($pings)', (given) => {
    const peers = new ScriptedPeers({ probePeriodMs: 60_000, watchPeriodMs: 120_000 })
    peers.join('a', 'f')
    peers.say('a', gossip, stateOf('f', 'suspect', { accusers: [hashText('a')] }))
    peers.run(given.pings === 1 ? 40 : 290, { answering: ['a'] })
    const sent = peers.sentTo('f', 'ping')
    expect(sent).toHaveLength(given.pings)
    const probe = sent[0]?.body.kind === 'ping' ? sent[0].body.probe : 0
    const coordinate = { position: Array.from({ length: 8 }, () => 0), height: 1, error: 1 }
    peers.say('f', { kind: 'ack', probe, root: 0, coordinate })
    expect(peers.core.rttMs('f') !== undefined).toBe(given.isMeasured)
  })

  it('on behalf of another gets a nack before that one gives up, and the answer when it comes', () => {
    const peers = new ScriptedPeers()
    peers.join('a', 'f')
    const request = { kind: 'pingRequest', probe: 77, target: 'f', host: 'f', port: 1 } as const
    peers.say('a', request)
    const [ping] = peers.sentTo('f', 'ping')
    peers.run(399)
    expect(peers.sentTo('a', 'nack')).toEqual([])
    peers.run(2)
    expect(peers.sentTo('a', 'nack').map(({ body }) => body)).toEqual([{ kind: 'nack', probe: 77 }])
    const probe = ping?.body.kind === 'ping' ? ping.body.probe : 0
    peers.say('f', { kind: 'ack', probe, root: 0, coordinate: null })
    expect(peers.sentTo('a', 'indirectAck')[0]?.body).toMatchObject({ probe: 77, target: 'f' })
  })

  it('is answered only by whom it is for: an address can have a new tenant', () => {
    const peers = new ScriptedPeers()
    peers.join('a')
    peers.say('a', { kind: 'ping', probe: 5, target: 'former', root: 0 })
    expect(peers.sentTo('a', 'ack')).toEqual([])
    peers.say('a', { kind: 'ping', probe: 6, target: 'self', root: 0 })
    expect(peers.sentTo('a', 'ack')[0]?.body).toMatchObject({ probe: 6 })
  })

  it('is not ended by the answer of another process at the same address', () => {
    const peers = new ScriptedPeers({ watchPeriodMs: 120_000 })
    peers.join('a', 'f')
    while (peers.sentTo('f', 'ping').length === 0) peers.run(50, { answering: ['a'] })
    const ping = peers.sentTo('f', 'ping')[0]
    const probe = ping?.body.kind === 'ping' ? ping.body.probe : 0
    peers.say('a', { kind: 'ack', probe, root: 0, coordinate: null })
    peers.run(1_050, { answering: ['a'] })
    expect(peers.stateOf('f')).toBe('suspect')
  })
})
