import type { BootId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { recordOf, ScriptedPeers, stateOf } from './scripted-peers.ts'

const others = Array.from({ length: 60 }, (_, index) => `n${index}`)
const gossip = { kind: 'gossip' } as const
/** Nobody is probed unless something asks for it. */
const silent = { probePeriodMs: 60_000, watchPeriodMs: 120_000 }

function joined(): ScriptedPeers {
  const peers = new ScriptedPeers(silent)
  peers.join(...others)
  return peers
}

function kindsOf(peers: ScriptedPeers, id: string): string[] {
  return peers.effects.flatMap((effect) =>
    effect.kind === 'change' && effect.change.member.nodeId === id ? [effect.change.kind] : [],
  )
}

describe('a member that denies over and over', () => {
  it('is held back also by who has heard none of the suspicions, until it was calm', () => {
    const peers = joined()
    peers.say('n1', gossip, stateOf('n5', 'alive', { counter: 3 }))
    expect(peers.stateOf('n5')).toBe('alive')
    peers.say('n1', gossip, stateOf('n5', 'alive', { counter: 6 }))
    expect(peers.stateOf('n5')).toBe('failed')
    peers.run(60_000, { answering: others })
    expect(peers.stateOf('n5')).toBe('alive')
    expect(kindsOf(peers, 'n5')).toEqual(['failed', 'joined'])
  })

  it('is not held back for denials of suspicions that were counted', () => {
    const peers = joined()
    for (let counter = 0; counter < 3; counter += 1) {
      const accusers = [1]
      peers.say('n1', gossip, stateOf('n5', 'suspect', { counter, accusers }))
      peers.say('n1', gossip, stateOf('n5', 'alive', { counter: counter + 1 }))
    }
    expect(peers.stateOf('n5')).toBe('alive')
  })

  it('starts anew as another process', () => {
    const peers = joined()
    peers.say('n1', gossip, stateOf('n5', 'alive', { counter: 3 }))
    peers.say('n1', gossip, stateOf('n5', 'alive', { counter: 6 }))
    expect(peers.stateOf('n5')).toBe('failed')
    const bootId = '7'.repeat(32) as BootId
    peers.say('n5', gossip, recordOf('n5', { bootId, epoch: 2 }))
    expect(peers.stateOf('n5')).toBe('alive')
  })
})

describe('a member that failed and is back', () => {
  it.each([0, 1])('is shown at once where nobody heard it, or for a moment (%i)', (heard) => {
    const peers = joined()
    peers.say('n1', gossip, stateOf('n5', 'failed'))
    peers.run(15_000, { answering: others })
    if (heard > 0) peers.say('n5', gossip)
    peers.run(2_900, { answering: others })
    if (heard > 0) peers.say('n5', gossip)
    peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 1 }))
    expect(peers.stateOf('n5')).toBe('alive')
  })

  it.each([
    'the member itself, which was told 3 s ago',
    'another one that says so',
    'another one that says so with the death',
  ])('is shown half a quarantine later if it was heard, alone: by %s', (by) => {
    const peers = joined()
    const deaf = stateOf('n5', 'failed', { isDeaf: true })
    const isWithDeath = by.endsWith('death')
    peers.say('n1', gossip, isWithDeath ? deaf : stateOf('n5', 'failed'))
    peers.run(5_000, { answering: others })
    if (by.startsWith('the member')) {
      peers.say('n5', { kind: 'ping', probe: 1, target: 'self', root: 0 })
      peers.run(3_000, { answering: others })
      peers.clear()
      peers.say('n5', gossip)
    } else {
      peers.clear()
      if (!isWithDeath) peers.say('n2', gossip, deaf)
    }
    // All hear of it, for they have to agree; who heard it twice tells it once.
    peers.say('n3', gossip, deaf)
    peers.run(5_000, { answering: others })
    const told = peers.sent.flatMap(({ packet: { body, statements } }) =>
      ['repair', 'join'].includes(body.kind)
        ? []
        : statements.filter(({ nodeId }) => nodeId === 'n5'),
    )
    if (!isWithDeath) expect(told).toHaveLength(8)
    for (const statement of told) expect(statement).toEqual(deaf)
    peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 1 }))
    expect(peers.stateOf('n5')).toBe('failed')
    // It takes part all the same.
    peers.run(29_900, { answering: others })
    expect(peers.stateOf('n5')).toBe('failed')
    peers.run(200, { answering: others })
    expect(peers.stateOf('n5')).toBe('alive')
  })

  it('together with others is shown at once', () => {
    const peers = joined()
    const away = ['n5', 'n6', 'n7']
    for (const id of away) peers.say('n1', gossip, stateOf(id, 'failed', { isDeaf: true }))
    peers.run(15_000, { answering: others })
    for (const id of away) peers.say(id, gossip, stateOf(id, 'alive', { counter: 1 }))
    expect(away.map((id) => peers.stateOf(id))).toEqual(['alive', 'alive', 'alive'])
  })
})
