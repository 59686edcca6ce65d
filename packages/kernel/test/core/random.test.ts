import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Random, seededRandom, WordRandom } from '../../src/index.ts'

const draw = (random: Random, count: number): number[] =>
  Array.from({ length: count }, () => random.u32())

/** Chi-square of observed counts against equal ones. */
function unevenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

describe('seededRandom', () => {
  it('repeats itself for a seed, given as number or as text', () => {
    expect(draw(seededRandom(42), 100)).toEqual(draw(seededRandom(42), 100))
    expect(draw(seededRandom('42'), 100)).toEqual(draw(seededRandom(42), 100))
  })

  it('keeps its sequence from release to release, so that old seeds can be replayed', () => {
    expect(draw(seededRandom(1), 4)).toEqual([4290984985, 1439565677, 4131625580, 1542690303])
  })

  it('differs between seeds that look alike', () => {
    const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => seededRandom(seed).u32()))
    // Of 10,000 words of 32 bits, about 0.01 pairs coincide.
    expect(firsts.size).toBeGreaterThan(9_997)
  })

  it('gives evenly spread words, in their high bits and in their low bits', () => {
    for (const seed of [0, 1, 'a', 'b', '']) {
      const random = seededRandom(seed)
      const high = new Array<number>(64).fill(0)
      const low = new Array<number>(64).fill(0)
      for (let draws = 0; draws < 64_000; draws += 1) {
        const word = random.u32()
        high[word >>> 26] = (high[word >>> 26] as number) + 1
        low[word & 63] = (low[word & 63] as number) + 1
      }
      // 63 degrees of freedom: 113 is exceeded once in 10,000.
      expect(unevenness(high)).toBeLessThan(113)
      expect(unevenness(low)).toBeLessThan(113)
    }
  })
})

describe('streams of a random source', () => {
  it('do not depend on draws from other streams or from the source', () => {
    const untouched = draw(seededRandom(7).stream('network'), 50)
    const source = seededRandom(7)
    draw(source, 13)
    draw(source.stream('clock'), 99)
    expect(draw(source.stream('network'), 50)).toEqual(untouched)
  })

  it('start over when asked for again', () => {
    const source = seededRandom(7)
    expect(draw(source.stream('x'), 10)).toEqual(draw(source.stream('x'), 10))
  })

  it('differ from each other, from their source, and by the path that leads to them', () => {
    const source = seededRandom(7)
    const paths = [
      source,
      source.stream('a'),
      source.stream('b'),
      source.stream('ab'),
      source.stream('a').stream('b'),
      source.stream('a/b'),
      source.stream(''),
      seededRandom('7/a'),
      seededRandom(8).stream('a'),
    ]
    const firsts = paths.map((random) => draw(random, 4).join())
    expect(new Set(firsts).size).toBe(paths.length)
  })

  it('are not correlated with each other', () => {
    const source = seededRandom(3)
    const left = source.stream('peer-1')
    const right = source.stream('peer-2')
    let agreeing = 0
    for (let draws = 0; draws < 10_000; draws += 1) {
      let same = ~(left.u32() ^ right.u32()) >>> 0
      for (; same !== 0; same &= same - 1) agreeing += 1
    }
    // 320,000 bits agree half of the time; 1,700 is six standard deviations.
    expect(Math.abs(agreeing - 160_000)).toBeLessThan(1_700)
  })
})

describe('what is made of random words', () => {
  it('floats are from 0 to below 1, even at the ends of the words', () => {
    const constant = (word: number): Random =>
      new WordRandom({ u32: () => word, stream: () => seededRandom(0) })
    expect(constant(0).float()).toBe(0)
    expect(constant(0xffff_ffff).float()).toBe(1 - 2 ** -53)
  })

  it('integers stay inside their bounds, whatever these are', () => {
    const bound = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 })
    fc.assert(
      fc.property(bound, bound, fc.string(), (one, other, seed) => {
        const [min, max] = [Math.min(one, other), Math.max(one, other)]
        const value = seededRandom(seed).integer(min, max)
        expect(Number.isSafeInteger(value)).toBe(true)
        expect(value >= min && value <= max).toBe(true)
      }),
    )
  })

  it('integers reach every value, both bounds included, equally often', () => {
    const random = seededRandom('dice')
    const counts = new Array<number>(6).fill(0)
    for (let throws = 0; throws < 60_000; throws += 1) {
      const face = random.integer(1, 6) - 1
      counts[face] = (counts[face] as number) + 1
    }
    // 5 degrees of freedom: 25.7 is exceeded once in 10,000.
    expect(unevenness(counts)).toBeLessThan(25.7)
  })

  it('integers of a span that does not divide 2^32 are not biased towards small ones', () => {
    const random = seededRandom('bias')
    const span = 3 * 2 ** 30
    let below = 0
    for (let draws = 0; draws < 30_000; draws += 1) {
      if (random.integer(0, span - 1) < 2 ** 30) below += 1
    }
    // A plain remainder gives 15,000. Six standard deviations are 490.
    expect(Math.abs(below - 10_000)).toBeLessThan(490)
  })

  it('integers beyond 32 bits use all their bits', () => {
    const random = seededRandom('wide')
    let bits = 0n
    for (let draws = 0; draws < 200; draws += 1) bits |= BigInt(random.integer(0, 2 ** 53 - 2))
    expect(bits).toBe(2n ** 53n - 1n)
  })

  it('integers refuse bounds that are none', () => {
    const random = seededRandom(0)
    for (const [min, max] of [
      [1, 0],
      [0.5, 2],
      [0, Number.NaN],
      [0, 2 ** 53],
      [-(2 ** 52), 2 ** 52],
    ] as const) {
      expect(() => random.integer(min, max)).toThrow(
        expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
      )
    }
  })

  it('bytes have the length asked for and use every value', () => {
    const random = seededRandom('bytes')
    for (const length of [0, 1, 3, 4, 5, 33]) expect(random.bytes(length)).toHaveLength(length)
    expect(new Set(random.bytes(10_000)).size).toBe(256)
  })

  it('picks each item, and nothing from nothing', () => {
    const random = seededRandom('pick')
    expect(random.pick([])).toBeUndefined()
    expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c']))).size).toBe(3)
  })

  it('shuffles in place without losing anything', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const shuffled = [...items]
        expect(seededRandom(seed).shuffle(shuffled)).toBe(shuffled)
        expect(shuffled.toSorted()).toEqual(items.toSorted())
      }),
    )
  })

  it('shuffles into every order equally often', () => {
    const random = seededRandom('orders')
    const counts = new Map<string, number>()
    for (let draws = 0; draws < 24_000; draws += 1) {
      const order = random.shuffle([1, 2, 3, 4]).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    // 23 degrees of freedom: 56 is exceeded less than once in 5,000.
    expect(unevenness([...counts.values()])).toBeLessThan(56)
  })
})
