import { describe, expect, it } from 'vitest'
import { LocalHealth } from '../../src/core/local-health.ts'

describe('local health', () => {
  it.each([
    { what: 'a failed probe that nobody could help with', points: 1 },
    { what: 'each helper that was silent', points: 2 },
    { what: 'helpers that all said no', points: 0 },
    { what: 'a denial of its own death', points: 1 },
    { what: 'a timer that is late', points: 1 },
    { what: 'a timer that is 2 s late', points: 2 },
    { what: 'an event loop that was held up', points: 1 },
    { what: 'an event loop that was held up briefly', points: 0 },
  ])('counts $points for $what', ({ what, points }) => {
    const health = new LocalHealth()
    const does: Record<string, () => void> = {
      'a failed probe that nobody could help with': () => health.probeFailed(0, 0),
      'each helper that was silent': () => health.probeFailed(3, 2),
      'helpers that all said no': () => health.probeFailed(3, 0),
      'a denial of its own death': () => health.refuted(),
      'a timer that is late': () => health.stalled(600),
      'a timer that is 2 s late': () => health.stalled(2_000),
      'an event loop that was held up': () => health.loopDelayed(250),
      'an event loop that was held up briefly': () => health.loopDelayed(249),
    }
    does[what]?.()
    expect(health.score).toBe(points)
    expect(health.multiplier).toBe(points + 1)
  })

  it('is 7 at worst, and each answered probe takes one point back', () => {
    const health = new LocalHealth()
    for (let count = 0; count < 20; count += 1) health.refuted()
    expect(health.score).toBe(7)
    for (let left = 6; left >= 0; left -= 1) {
      health.probeSucceeded()
      expect(health.score).toBe(left)
    }
    health.probeSucceeded()
    expect(health.score).toBe(0)
  })
})
