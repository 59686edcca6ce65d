import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fullJitter, type Random, seededRandom, WordRandom } from '../../src/index.ts'

const highest: Random = new WordRandom({ u32: () => 0xffff_ffff, stream: () => highest })
const lowest: Random = new WordRandom({ u32: () => 0, stream: () => lowest })

describe('fullJitter', () => {
  it('doubles its ceiling with each attempt, up to the bound', () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 100, 5_000].map((attempt) =>
      Math.round(fullJitter({ baseMs: 100, maxMs: 1_000, attempt }, highest)),
    )
    expect(ceilings).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000])
  })

  it('draws from the whole range, down to no wait at all', () => {
    expect(fullJitter({ baseMs: 100, maxMs: 1_000, attempt: 9 }, lowest)).toBe(0)
    const random = seededRandom('jitter')
    let sumMs = 0
    for (let draws = 0; draws < 10_000; draws += 1) {
      sumMs += fullJitter({ baseMs: 100, maxMs: 1_000, attempt: 9 }, random)
    }
    expect(Math.abs(sumMs / 10_000 - 500)).toBeLessThan(20)
  })

  it('never waits longer than the bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.nat({ max: 100_000 }),
        fc.nat(),
        fc.integer(),
        (baseMs, moreMs, attempt, seed) => {
          const options = { baseMs, maxMs: baseMs + moreMs, attempt }
          const waitMs = fullJitter(options, seededRandom(seed))
          expect(waitMs >= 0 && waitMs <= options.maxMs).toBe(true)
        },
      ),
    )
  })

  it.each([
    { baseMs: 0, maxMs: 10, attempt: 0 },
    { baseMs: 10, maxMs: 9, attempt: 0 },
    { baseMs: 10, maxMs: 10, attempt: -1 },
    { baseMs: Number.NaN, maxMs: 10, attempt: 0 },
    { baseMs: 10, maxMs: 10, attempt: Number.NaN },
  ])('refuses %j', (options) => {
    expect(() => fullJitter(options, seededRandom(0))).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
    )
  })
})
