import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../src/index.ts'

describe('TokenBucket', () => {
  it('lets a burst through at once, then the rate', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 3, nowMs: 1_000 })
    expect([1, 2, 3, 4].map(() => bucket.tryTake(1_000))).toEqual([true, true, true, false])
    expect(bucket.tryTake(1_099)).toBe(false)
    expect(bucket.tryTake(1_100)).toBe(true)
    expect(bucket.tryTake(1_100)).toBe(false)
  })

  it('never lets more through than burst and rate allow, over any time', () => {
    const calls = fc.array(
      fc.record({ afterMs: fc.nat({ max: 500 }), count: fc.integer({ min: 1, max: 5 }) }),
    )
    const rates = fc.integer({ min: 1, max: 1_000 })
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 50 }), calls, (ratePerSecond, burst, script) => {
        const bucket = new TokenBucket({ ratePerSecond, burst, nowMs: 0 })
        let nowMs = 0
        let taken = 0
        for (const { afterMs, count } of script) {
          nowMs += afterMs
          if (bucket.tryTake(nowMs, count)) taken += count
          expect(taken).toBeLessThanOrEqual(burst + (nowMs * ratePerSecond) / 1_000 + 0.001)
        }
      }),
    )
  })

  it('has the tokens after the wait it names, and not a millisecond earlier', () => {
    const rates = fc.integer({ min: 1, max: 5_000 })
    const bursts = fc.integer({ min: 1, max: 100 })
    fc.assert(
      fc.property(rates, bursts, fc.nat({ max: 100 }), (ratePerSecond, burst, spent) => {
        const options = { ratePerSecond, burst, nowMs: 5_000 }
        const bucket = new TokenBucket(options)
        bucket.tryTake(5_000, Math.min(spent, burst))
        const waitMs = bucket.msUntil(5_000, burst)
        expect(Number.isInteger(waitMs)).toBe(true)
        if (waitMs > 0) expect(bucket.tryTake(5_000 + waitMs - 1, burst)).toBe(false)
        expect(bucket.msUntil(5_000 + waitMs, burst)).toBe(0)
        expect(bucket.tryTake(5_000 + waitMs, burst)).toBe(true)
      }),
      { numRuns: 1_000, examples: [[11, 11, 11]] },
    )
  })

  it('never holds more than its burst', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1_000, burst: 2, nowMs: 0 })
    expect(bucket.tryTake(1_000_000, 3)).toBe(false)
    expect(bucket.tryTake(1_000_000, 2)).toBe(true)
    expect(bucket.tryTake(1_000_000)).toBe(false)
  })

  it('says that more than the burst never comes', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1, burst: 2, nowMs: 0 })
    expect(bucket.msUntil(0, 3)).toBe(Number.POSITIVE_INFINITY)
  })

  it('spends what is not there, and makes the next wait until it is paid', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 10, nowMs: 0 })
    bucket.spend(0, 30)
    expect(bucket.msUntil(0)).toBe(2_100)
    expect(bucket.tryTake(2_099)).toBe(false)
    expect(bucket.tryTake(2_100)).toBe(true)
  })

  it('neither adds nor takes when the clock goes back', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1, burst: 1, nowMs: 10_000 })
    expect(bucket.tryTake(10_000)).toBe(true)
    expect(bucket.tryTake(2_000)).toBe(false)
    expect(bucket.tryTake(10_999)).toBe(false)
    expect(bucket.tryTake(11_000)).toBe(true)
    const full = new TokenBucket({ ratePerSecond: 1, burst: 5, nowMs: 10_000 })
    expect(full.tryTake(2_000, 5)).toBe(true)
  })

  it.each([
    { ratePerSecond: 0, burst: 1 },
    { ratePerSecond: -1, burst: 1 },
    { ratePerSecond: Number.POSITIVE_INFINITY, burst: 1 },
    { ratePerSecond: Number.NaN, burst: 1 },
    { ratePerSecond: 1, burst: 0.5 },
    { ratePerSecond: 1, burst: Number.POSITIVE_INFINITY },
  ])('refuses %j', (options) => {
    expect(() => new TokenBucket({ ...options, nowMs: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
    )
  })
})
