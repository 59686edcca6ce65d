import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { minimise } from '../src/index.ts'

describe('a failure that is narrowed down', () => {
  it('comes down to exactly the items that it needs, in their order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(60), { maxLength: 5 }),
        fc.integer({ min: 1, max: 60 }),
        (needed, count) => {
          const items = Array.from({ length: 61 + count }, (_, index) => index)
          const least = minimise(items, (some) => needed.every((item) => some.includes(item)))
          expect(least.items).toEqual([...needed].sort((a, b) => a - b))
          expect(least.isMinimal).toBe(true)
        },
      ),
    )
  })

  it('cannot lose any single item when any of several pairs would do', () => {
    const fails = (some: readonly number[]): boolean =>
      [0, 10, 20].some((first) => some.includes(first) && some.includes(first + 5))
    const items = Array.from({ length: 30 }, (_, index) => index)
    const least = minimise(items, fails)
    expect(fails(least.items)).toBe(true)
    for (const item of least.items) {
      expect(fails(least.items.filter((other) => other !== item))).toBe(false)
    }
  })

  it('asks no more often than it may, and says that it did not finish', () => {
    let asked = 0
    const items = Array.from({ length: 1_000 }, (_, index) => index)
    const least = minimise(
      items,
      (some) => {
        asked += 1
        return some.length >= 700
      },
      { runsMax: 20 },
    )
    expect(asked).toBeLessThanOrEqual(20)
    expect(least.runs).toBe(asked)
    expect(least.isMinimal).toBe(false)
    expect(least.items.length).toBeGreaterThanOrEqual(700)
  })
})
