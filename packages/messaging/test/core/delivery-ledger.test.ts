import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inFlight, LaneLedger, newDeliveryCounters } from '../../src/core/delivery-ledger.ts'

const step = fc.oneof(
  fc.record({ what: fc.constantFrom('accept', 'acceptUntilHandled'), at: fc.constant(0) }),
  fc.record({ what: fc.constantFrom('reject', 'settle', 'handle'), at: fc.nat(40) }),
  fc.record({ what: fc.constant('lose'), at: fc.constant(0) }),
)

describe('the ledger of a lane', () => {
  it('ends every message once, whatever the peer says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const counters = newDeliveryCounters()
        const ledger = new LaneLedger(counters, 2)
        let next = 2
        let accepted = 0
        for (const { what, at } of steps) {
          if (what === 'accept' || what === 'acceptUntilHandled') {
            ledger.accept(next++, what === 'acceptUntilHandled')
            accepted += 1
          } else if (what === 'reject') ledger.reject(at)
          else if (what === 'settle') ledger.settle(at)
          else if (what === 'handle') ledger.handle(at)
          else ledger.lose()
          expect(counters.accepted).toBe(accepted)
          expect(inFlight(counters)).toBe(ledger.inFlight)
          expect(ledger.notStarted).toBeGreaterThanOrEqual(0)
          for (const count of Object.values(counters)) expect(count).toBeGreaterThanOrEqual(0)
        }
        ledger.lose()
        expect(ledger.inFlight).toBe(0)
        expect(inFlight(counters)).toBe(0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('counts delivered, rejected and unknown', () => {
    const counters = newDeliveryCounters()
    const ledger = new LaneLedger(counters, 2)
    for (let sequence = 2; sequence <= 11; sequence++) ledger.accept(sequence, false)
    expect(ledger.reject(4)).toBe(true)
    expect(ledger.settle(6)).toBe(true)
    expect(counters).toMatchObject({ accepted: 10, delivered: 4, rejected: 1 })
    expect(ledger.lose()).toEqual([7, 8, 9, 10, 11])
    expect(counters).toMatchObject({ delivered: 4, rejected: 1, unknown: 5 })
  })

  it('keeps its books when a peer rejects a message twice', () => {
    const counters = newDeliveryCounters()
    const ledger = new LaneLedger(counters, 2)
    for (let sequence = 2; sequence <= 4; sequence++) ledger.accept(sequence, false)
    expect([ledger.reject(3), ledger.reject(3)]).toEqual([true, false])
    // Of the three, 2 was delivered, 3 was rejected before, and 4 is rejected ahead of STARTED.
    expect([ledger.reject(4), ledger.settle(3), ledger.reject(4)]).toEqual([true, true, false])
    expect(ledger.inFlight).toBe(0)
    expect(ledger.lose()).toEqual([])
    expect(counters).toMatchObject({ accepted: 3, delivered: 1, rejected: 2, unknown: 0 })
  })

  it('delivers what is to be confirmed once handled when its handler has finished', () => {
    const counters = newDeliveryCounters()
    const ledger = new LaneLedger(counters, 2)
    for (let sequence = 2; sequence <= 6; sequence++) ledger.accept(sequence, sequence < 5)
    // A handler that ends at once says so before STARTED.
    expect(ledger.handle(2)).toBe(true)
    expect(ledger.settle(5)).toBe(true)
    expect(counters).toMatchObject({ delivered: 2 })
    expect([ledger.inFlight, ledger.notStarted]).toEqual([3, 1])
    expect(ledger.handle(4)).toBe(true)
    expect([ledger.handle(4), ledger.handle(5), ledger.handle(6)]).toEqual([false, false, false])
    expect(ledger.lose()).toEqual([3, 6])
    expect(counters).toMatchObject({ accepted: 5, delivered: 3, unknown: 2 })
  })

  it('refuses what is not in flight', () => {
    const ledger = new LaneLedger(newDeliveryCounters(), 2)
    ledger.accept(2, false)
    expect([ledger.settle(3), ledger.reject(3), ledger.reject(1)]).toEqual([false, false, false])
    expect(ledger.settle(2)).toBe(true)
    expect([ledger.settle(1), ledger.reject(2)]).toEqual([false, false])
  })
})
