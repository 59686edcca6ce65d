import { describe, expect, it } from 'vitest'
import { Admission, type Occupancy } from '../../src/core/admission.ts'

const limits = {
  connectionsMax: 10,
  connectionsPerSourceMax: 4,
  halfOpenMax: 3,
  acceptQueueMax: 2,
  acceptsPerSecond: 1,
  acceptBurst: 2,
}
const empty: Occupancy = { total: 0, fromSource: 0, halfOpen: 0, queued: 0 }

describe('admission', () => {
  it('takes as many as the burst, then lets wait, then refuses', () => {
    const admission = new Admission(limits, 0)
    expect([1, 2, 3].map(() => admission.decide(0, empty).kind)).toEqual(['take', 'take', 'wait'])
    const full = { ...empty, queued: 2 }
    expect(admission.decide(0, full)).toEqual({ kind: 'refuse', by: 'acceptQueueMax' })
    expect(admission.msUntilNext(0)).toBe(1_000)
    expect([admission.mayTakeNext(999), admission.mayTakeNext(1_000)]).toEqual([false, true])
  })

  it('lets nobody overtake those who wait, although there is a token', () => {
    const admission = new Admission(limits, 0)
    expect(admission.decide(0, { ...empty, queued: 1 })).toEqual({ kind: 'wait' })
  })

  it('refuses at each cap, and names it', () => {
    const admission = new Admission(limits, 0)
    const at = (changes: Partial<Occupancy>): unknown =>
      admission.decide(0, { ...empty, ...changes })
    expect(at({ fromSource: 4 })).toEqual({ kind: 'refuse', by: 'connectionsPerSourceMax' })
    expect(at({ halfOpen: 3 })).toEqual({ kind: 'refuse', by: 'halfOpenMax' })
    expect(at({ total: 10 })).toEqual({ kind: 'refuse', by: 'connectionsMax' })
    expect(at({ fromSource: 3, halfOpen: 2, total: 9 })).toEqual({ kind: 'take' })
  })
})
