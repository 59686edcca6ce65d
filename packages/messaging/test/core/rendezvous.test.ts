import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rendezvousOwner } from '../../src/index.ts'

const nodes = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), {
  minLength: 1,
  maxLength: 12,
})

describe('the owner of a key', () => {
  it('does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(fc.string(), nodes, (key, candidates) => {
        const owner = rendezvousOwner(key, candidates)
        expect(candidates).toContain(owner)
        expect(rendezvousOwner(key, [...candidates].reverse())).toBe(owner)
      }),
    )
  })

  it('changes only for keys of a node that leaves', () => {
    fc.assert(
      fc.property(fc.string(), nodes, fc.nat(), (key, candidates, index) => {
        const owner = rendezvousOwner(key, candidates)
        const leaving = candidates[index % candidates.length]
        const rest = candidates.filter((candidate) => candidate !== leaving)
        if (owner !== leaving) expect(rendezvousOwner(key, rest)).toBe(owner)
      }),
    )
  })

  it('is spread evenly, also over ids that are alike', () => {
    const candidates = Array.from({ length: 10 }, (_, index) => `shop-${index}`)
    const owned = new Map<string, number>()
    for (let key = 0; key < 10_000; key++) {
      const owner = rendezvousOwner(`sku-${key}`, candidates) ?? ''
      owned.set(owner, (owned.get(owner) ?? 0) + 1)
    }
    for (const count of owned.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150)
    expect(owned.size).toBe(10)
  })

  it('is nobody when there is nobody', () => {
    expect(rendezvousOwner('key', [])).toBeUndefined()
  })
})
