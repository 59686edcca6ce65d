import { describe, expect, it } from 'vitest'
import { expectFired, newTally } from '../../../src/fault-proxy/core/counters.ts'

const counters = {
  forward: { ...newTally(), received: 100, loss: 3 },
  backward: { ...newTally(), received: 40, stall: 1 },
}

describe('an expectation of a fault', () => {
  it('passes when the fault has fired often enough, in any direction or in the one asked for', () => {
    expectFired(counters, 'loss')
    expectFired(counters, 'stall')
    expectFired(counters, 'loss', { min: 3 })
    expectFired(counters, 'loss', { direction: 'forward' })
  })

  it('throws when it has not, and says what happened instead', () => {
    expect(() => expectFired(counters, 'delay')).toThrow(
      'delay fired 0 times, expected at least 1 (0 of 100 forward, 0 of 40 backward)',
    )
    expect(() => expectFired(counters, 'loss', { min: 4 })).toThrow('loss fired 3 times')
    expect(() => expectFired(counters, 'loss', { direction: 'backward' })).toThrow(
      '0 of 40 backward',
    )
  })

  it('throws for a fault that nobody knows', () => {
    expect(() => expectFired(counters, 'lost' as 'loss')).toThrow(
      "no fault 'lost'; known are delay",
    )
  })
})
