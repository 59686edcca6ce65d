import { describe, expect, it } from 'vitest'
import {
  ageLimit,
  postponed,
  type Replacement,
  replacementReason,
  replacementStep,
} from '../../src/core/replacement.ts'

const settings = { connectionPacketsMax: 1_000, replaceWithinMs: 60_000, replaceRetryMs: 1_000 }
const facts = { ageMs: 0, ageLimitMs: 100, sentPackets: 0, isOutdated: false }

describe('a connection', () => {
  it('is due for its credentials, its packets, its age, in this order', () => {
    expect(replacementReason(facts, settings)).toBeNull()
    expect(replacementReason({ ...facts, ageMs: 99 }, settings)).toBeNull()
    expect(replacementReason({ ...facts, ageMs: 100 }, settings)).toBe('age')
    const worn = { ...facts, ageMs: 100, sentPackets: 1_000 }
    expect(replacementReason(worn, settings)).toBe('packets')
    expect(replacementReason({ ...worn, isOutdated: true }, settings)).toBe('credentials')
  })

  it('is old at one end before the other, and never older than the limit', () => {
    for (const draw of [0, 0.5, 1]) {
      expect(ageLimit('dialer', 1_000, draw)).toBeLessThanOrEqual(900)
      expect(ageLimit('acceptor', 1_000, draw)).toBeGreaterThanOrEqual(950)
      expect(ageLimit('acceptor', 1_000, draw)).toBeLessThanOrEqual(1_000)
    }
    expect(ageLimit('dialer', 1_000, 0)).not.toBe(ageLimit('dialer', 1_000, 1))
  })

  it('is tried with pauses that double, until its time is up', () => {
    let replacement: Replacement = { reason: 'age', sinceMs: 0, nextTryMs: 0, tries: 0 }
    const tries: number[] = []
    let nowMs = 0
    while (replacementStep(replacement, nowMs, settings) !== 'force') {
      if (replacementStep(replacement, nowMs, settings) === 'try') {
        tries.push(nowMs)
        replacement = postponed(replacement, nowMs, settings)
      }
      nowMs += 1_000
    }
    expect(tries).toEqual([0, 1_000, 3_000, 7_000, 15_000, 31_000])
    expect(nowMs).toBe(60_000)
  })
})
