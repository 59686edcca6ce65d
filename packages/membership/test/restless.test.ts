import type { BootId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import type { Statement } from '../src/wire/statement.ts'
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

const deaf = stateOf('n5', 'failed', { isDeaf: true })

/** What is told of a member as news; the member itself is told in any case. */
function toldOf(peers: ScriptedPeers, id: string): Statement[] {
  return peers.sent.flatMap(({ to, packet: { body, statements } }) =>
    to === id || body.kind === 'repair' ? [] : statements.filter(({ nodeId }) => nodeId === id),
  )
}

/** 4 * log10(62), rounded up; one or two may go to the member itself. */
function expectToldOnce(told: readonly Statement[]): void {
  for (const statement of told) expect(statement).toEqual(deaf)
  expect(told.length).toBeGreaterThanOrEqual(6)
  expect(told.length).toBeLessThanOrEqual(8)
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

  it.each([gossip, { kind: 'ping', probe: 1, target: 'self', root: 0 } as const])(
    'is shown half a quarantine later if it spoke for 3 s after it was told ($kind)',
    (body) => {
      const peers = joined()
      peers.say('n1', gossip, stateOf('n5', 'failed'))
      peers.run(5_000, { answering: others })
      peers.say('n5', body)
      peers.run(3_000, { answering: others })
      peers.clear()
      for (let times = 0; times < 3; times += 1) {
        peers.say('n5', body)
        peers.run(3_000, { answering: others })
      }
      expectToldOnce(toldOf(peers, 'n5'))
      peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 1 }))
      expect(peers.stateOf('n5')).toBe('failed')
      // It takes part all the same.
      peers.run(29_900, { answering: others })
      expect(peers.stateOf('n5')).toBe('failed')
      peers.run(200, { answering: others })
      expect(peers.stateOf('n5')).toBe('alive')
    },
  )

  it.each([true, false])(
    'is held back by all who hear that it is deaf, and they say so once (with the death: %s)',
    (isWithDeath) => {
      const peers = joined()
      if (!isWithDeath) {
        peers.say('n1', gossip, stateOf('n5', 'failed'))
        peers.run(5_000, { answering: others })
      }
      peers.clear()
      for (const teller of ['n1', 'n2', 'n3']) {
        peers.say(teller, gossip, deaf)
        peers.run(5_000, { answering: others })
      }
      expectToldOnce(toldOf(peers, 'n5'))
      peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 1 }))
      expect(peers.stateOf('n5')).toBe('failed')
    },
  )

  it('starts anew after that: what it did not hear then says nothing of the next time', () => {
    const peers = joined()
    peers.say('n1', gossip, deaf)
    peers.say('n5', gossip)
    peers.run(5_000, { answering: others })
    peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 1 }))
    expect(peers.stateOf('n5')).toBe('failed')
    peers.run(700_000, { answering: others })
    peers.say('n1', gossip, stateOf('n5', 'failed', { counter: 1 }))
    peers.run(10_000, { answering: others })
    peers.say('n5', gossip)
    peers.say('n5', gossip, stateOf('n5', 'alive', { counter: 2 }))
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
