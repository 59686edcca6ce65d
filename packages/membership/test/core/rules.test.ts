import { describe, expect, it } from 'vitest'
import { hashText } from '../../src/core/hash.ts'
import { type ProtocolRules, protocolRules } from '../../src/core/rules.ts'
import * as published from '../../src/index.ts'
import { plantedBugs } from '../planted-bugs.ts'
import { ScriptedPeers, stateOf } from '../scripted-peers.ts'

describe('planted bugs', () => {
  it('each change one of the rules, and have names of their own', () => {
    expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length)
    for (const { rules } of plantedBugs) expect(rules).not.toEqual(protocolRules)
  })

  it('cannot be switched on through what is published', () => {
    expect(published.createMembershipCore).toHaveLength(1)
    expect(Object.keys(published).sort()).toEqual([
      'MembershipService',
      'createMembershipCore',
      'eventLoopDelay',
      'membershipOptions',
      'snapshotFile',
    ])
  })
})

describe('bugs that no scenario shows, since another rule stands behind them', () => {
  const rulesOf = (name: string): ProtocolRules => {
    const bug = plantedBugs.find((one) => one.name === name)
    if (bug === undefined) throw new Error(`no bug is called ${name}`)
    return bug.rules
  }

  it.each([
    { rules: protocolRules, state: 'suspect' },
    { rules: rulesOf('confirms-alone'), state: 'failed' },
  ])('one accuser alone has a suspect $state after 10 s', ({ rules, state }) => {
    const peers = new ScriptedPeers({}, {}, rules)
    const others = ['a', 'b', 'c', 'd', 'e', 'f']
    peers.join(...others)
    for (let count = 0; count < 5; count += 1) {
      const accusers = [hashText('a')]
      peers.say('a', { kind: 'gossip' }, stateOf('f', 'suspect', { accusers }))
    }
    peers.run(10_000, { answering: others })
    expect(peers.stateOf('f')).toBe(state)
  })

  it.each([
    { rules: protocolRules, answers: 0 },
    { rules: rulesOf('answers-for-others'), answers: 1 },
  ])('a ping for the former tenant of an address gets $answers answers', ({ rules, answers }) => {
    const peers = new ScriptedPeers({}, {}, rules)
    peers.join('a')
    peers.say('a', { kind: 'ping', probe: 5, target: 'former', root: 0 })
    expect(peers.sentTo('a', 'ack')).toHaveLength(answers)
  })
})
