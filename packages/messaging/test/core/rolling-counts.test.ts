import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RollingCounts } from '../../src/core/rolling-counts.ts'

describe('rolling counts', () => {
  it('count what happened within the window, to the slot', () => {
    const steps = fc.array(
      fc.record({ afterMs: fc.integer({ min: 0, max: 4_000 }), first: fc.boolean() }),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        const counts = new RollingCounts(10_000, 10)
        const seen: { atMs: number; first: boolean }[] = []
        let nowMs = 0
        for (const { afterMs, first } of all) {
          nowMs += afterMs
          if (first) counts.addFirst(nowMs)
          else counts.addSecond(nowMs)
          seen.push({ atMs: nowMs, first })
          // A slot is there as long as nine others have begun after it.
          const slot = (ms: number): number => Math.floor(ms / 1_000)
          const recent = seen.filter(({ atMs }) => slot(atMs) > slot(nowMs) - 10)
          expect(counts.first(nowMs)).toBe(recent.filter((each) => each.first).length)
          expect(counts.second(nowMs)).toBe(recent.filter((each) => !each.first).length)
        }
      }),
    )
  })

  it('take no harm from a clock that goes back', () => {
    const counts = new RollingCounts(10_000, 10)
    counts.addFirst(5_000)
    counts.addFirst(2_000)
    expect(counts.first(5_000)).toBe(2)
    expect(counts.first(20_000)).toBe(0)
  })
})
