import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { newTally } from '../../../src/fault-proxy/core/counters.ts'
import { perfectTcp, type TcpFaults } from '../../../src/fault-proxy/core/faults.ts'
import { Wire } from '../../../src/fault-proxy/core/link.ts'
import { StreamFaults } from '../../../src/fault-proxy/core/stream-faults.ts'

const chunk = Uint8Array.from({ length: 1_000 }, (_, at) => at)

function lane(wire = new Wire()): { decisions: StreamFaults; tally: ReturnType<typeof newTally> } {
  const tally = newTally()
  return { decisions: new StreamFaults(seededRandom('lane'), tally, wire), tally }
}

const faults = (change: Partial<TcpFaults>): TcpFaults => ({ ...perfectTcp, ...change })

describe('what becomes of a chunk', () => {
  it('keeps its place, however the jitter falls', () => {
    const { decisions } = lane()
    const times = Array.from({ length: 2_000 }, (_, at) =>
      decisions.decide(at, chunk, faults({ delayMs: 50, jitterMs: 50 })),
    ).map(({ atMs }) => atMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    for (const [at, time] of times.entries()) {
      expect(time).toBeGreaterThanOrEqual(at)
      expect(time).toBeLessThan(at + 100)
    }
  })

  it('keeps its length, and all but the flipped bits', () => {
    const { decisions, tally } = lane()
    const { bytes } = decisions.decide(0, chunk, faults({ corruption: 1 }))
    expect(bytes).toHaveLength(chunk.length)
    expect([...bytes].filter((byte, at) => byte !== chunk[at])).toHaveLength(1)
    expect(tally.corruption).toBe(1)
    expect(decisions.decide(0, chunk, faults({})).bytes).toBe(chunk)
  })

  it('shares the rate with the other connections', () => {
    const wire = new Wire()
    const [a, b] = [lane(wire), lane(wire)]
    const limited = faults({ rateBytesPerSecond: 10_000 })
    expect(a.decisions.decide(0, chunk, limited).atMs).toBe(100)
    expect(b.decisions.decide(0, chunk, limited).atMs).toBe(200)
    expect(a.decisions.decide(250, chunk, limited).atMs).toBe(350)
    expect([a.tally.rate, b.tally.rate]).toEqual([0, 1])
  })

  it('holds up only its own connection when it begins a stall', () => {
    const wire = new Wire()
    const [a, b] = [lane(wire), lane(wire)]
    const stalling = faults({ stallShare: 1, stallTimeMs: 500 })
    expect(a.decisions.decide(0, chunk, stalling).atMs).toBe(500)
    expect(a.decisions.decide(10, chunk, faults({})).atMs).toBe(500)
    expect(b.decisions.decide(10, chunk, faults({})).atMs).toBe(10)
    expect([a.tally.stall, b.tally.stall]).toEqual([2, 0])
  })
})
