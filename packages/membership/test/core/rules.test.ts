import { describe, expect, it } from 'vitest'
import { protocolRules } from '../../src/core/rules.ts'
import * as published from '../../src/index.ts'
import { plantedBugs } from '../planted-bugs.ts'

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
      'membershipOptions',
    ])
  })
})
