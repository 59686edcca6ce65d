import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  ageLimit,
  newReplacement,
  postponed,
  replacementReason,
  replacementStep,
} from '../../src/core/replacement.ts'

const settings = { connectionPacketsMax: 1_000, replaceWithinMs: 60_000, replaceRetryMs: 1_000 }
const facts = { ageMs: 0, ageLimitMs: 100, sentPackets: 0, isOutdated: false, isAsked: false }

describe('a connection', () => {
  it('is due for its credentials, its packets, its age, a wish of the peer, in this order', () => {
    expect(replacementReason(facts, settings)).toBeNull()
    expect(replacementReason({ ...facts, ageMs: 99 }, settings)).toBeNull()
    const asked = { ...facts, isAsked: true }
    expect(replacementReason(asked, settings)).toBe('asked')
    expect(replacementReason({ ...asked, ageMs: 100 }, settings)).toBe('age')
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

  it('is tried by the end that dialed, with pauses drawn below a bound that doubles', () => {
    const pauses: number[][] = []
    for (let seed = 0; seed < 200; seed++) {
      const random = seededRandom(`tries-${seed}`)
      let replacement = newReplacement('age', 5)
      let triedMs: number | null = null
      let nowMs = 5
      for (; nowMs < 60_005; nowMs += 5) {
        const step = replacementStep(replacement, 'dialer', nowMs, settings)
        if (step === 'wait') continue
        expect(step).toBe('try')
        if (triedMs !== null) {
          pauses[replacement.tries - 1] ??= []
          pauses[replacement.tries - 1]?.push(nowMs - triedMs)
        }
        triedMs = nowMs
        replacement = postponed(replacement, nowMs, settings, random)
      }
    }
    const longest = pauses.slice(0, 6).map((ofTry) => Math.max(...ofTry))
    for (const [tried, boundMs] of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000].entries()) {
      expect(longest[tried], `pause ${tried}`).toBeLessThanOrEqual(boundMs + 5)
      expect(longest[tried], `pause ${tried}`).toBeGreaterThan(boundMs * 0.8)
    }
    expect(Math.min(...(pauses[0] ?? []))).toBeLessThan(100)
  })

  it('is asked for once by the end that accepted, which goes itself only after all that time', () => {
    let replacement = newReplacement('credentials', 100)
    const stepAt = (nowMs: number): string =>
      replacementStep(replacement, 'acceptor', nowMs, settings)
    expect(stepAt(100)).toBe('ask')
    replacement = { ...replacement, hasAsked: true }
    expect([stepAt(101), stepAt(60_099)]).toEqual(['wait', 'wait'])
    expect(stepAt(60_100)).toBe('try')
  })
})
