import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { newTally, type Tally } from '../../../src/fault-proxy/core/counters.ts'
import { perfectUdp, type UdpFaults } from '../../../src/fault-proxy/core/faults.ts'
import { type Departure, PacketFaults } from '../../../src/fault-proxy/core/packet-faults.ts'

const count = 10_000
const payload = Uint8Array.from({ length: 100 }, (_, at) => at)

/** Sends one datagram each millisecond. */
function run(
  change: Partial<UdpFaults>,
  { seed = 1, packets = count, bytes = payload } = {},
): { departures: (readonly Departure[])[]; tally: Tally } {
  const tally = newTally()
  const decisions = new PacketFaults(seededRandom(seed), tally)
  const faults = { ...perfectUdp, ...change }
  const departures = Array.from({ length: packets }, (_, at) => decisions.decide(at, bytes, faults))
  return { departures, tally }
}

const victims = (departures: (readonly Departure[])[]): number[] =>
  departures.flatMap((copies, at) => (copies.length === 0 ? [at] : []))

describe('what becomes of a datagram', () => {
  it('is nothing without faults: the same bytes, at once, uncounted', () => {
    const { departures, tally } = run({})
    for (const [at, copies] of departures.entries()) {
      expect(copies).toEqual([{ atMs: at, bytes: payload }])
    }
    expect(tally).toEqual(newTally())
  })

  it.each([0.05, 0.5])('is loss for a share of %d, the same ones for the same seed', (loss) => {
    const { departures, tally } = run({ loss })
    const lost = victims(departures)
    expect(tally.loss).toBe(lost.length)
    // Six standard deviations of the binomial distribution.
    expect(Math.abs(lost.length - count * loss)).toBeLessThan(
      6 * Math.sqrt(count * loss * (1 - loss)),
    )
    expect(victims(run({ loss }).departures)).toEqual(lost)
    expect(victims(run({ loss }, { seed: 2 }).departures)).not.toEqual(lost)
  })

  it('is never loss for a share of 0 and always for 1', () => {
    expect(run({ loss: 0 }).tally.loss).toBe(0)
    expect(run({ loss: 1 }).tally.loss).toBe(count)
  })

  it('does not depend on which other faults are on', () => {
    const alone = victims(run({ loss: 0.1 }).departures)
    const others = { duplication: 0.3, corruption: 0.3, delayMs: 9, jitterMs: 9, reordering: 0.3 }
    expect(victims(run({ loss: 0.1, ...others }).departures)).toEqual(alone)
  })

  it('is two copies for the share of duplication', () => {
    const { departures, tally } = run({ duplication: 0.01 })
    const doubled = departures.filter((copies) => copies.length === 2).length
    expect(tally.duplication).toBe(doubled)
    expect(Math.abs(doubled - 100)).toBeLessThan(60)
    expect(victims(departures)).toEqual([])
  })

  it('is a delay of 50 ms give or take 20, every one equally likely', () => {
    const { departures, tally } = run({ delayMs: 50, jitterMs: 20 })
    const delays = departures.map(([only], at) => (only as Departure).atMs - at)
    const inQuarters = new Array<number>(4).fill(0)
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(30)
      expect(delay).toBeLessThan(70)
      const quarter = Math.floor((delay - 30) / 10)
      inQuarters[quarter] = (inQuarters[quarter] as number) + 1
    }
    for (const amount of inQuarters) expect(Math.abs(amount - count / 4)).toBeLessThan(260)
    expect(tally).toMatchObject({ delay: count, jitter: count })
  })

  it('is a later departure for the share of reordering', () => {
    const { departures, tally } = run({ reordering: 0.05, reorderByMs: 7, delayMs: 3 })
    const late = departures.filter(([only], at) => (only as Departure).atMs === at + 10).length
    const usual = departures.filter(([only], at) => (only as Departure).atMs === at + 3).length
    expect(late + usual).toBe(count)
    expect(tally.reordering).toBe(late)
    expect(Math.abs(late - 500)).toBeLessThan(131)
  })

  it.each([1, 3, 64])('is %d flipped bits for the share of corruption', (corruptionBits) => {
    const original = new Uint8Array(payload)
    const { departures, tally } = run({ corruption: 0.01, corruptionBits })
    const flipped = departures.map(([only]) => differingBits((only as Departure).bytes, original))
    expect(flipped.filter((bits) => bits > 0)).toEqual(
      new Array(tally.corruption).fill(corruptionBits),
    )
    expect(Math.abs(tally.corruption - 100)).toBeLessThan(60)
    expect(payload).toEqual(original)
  })

  it('flips every bit of a datagram that has too few, and leaves an empty one alone', () => {
    const options = { packets: 1, bytes: Uint8Array.of(0b1010_0101) }
    const { departures } = run({ corruption: 1, corruptionBits: 64 }, options)
    expect(departures[0]?.[0]?.bytes).toEqual(Uint8Array.of(0b0101_1010))
    const empty = run({ corruption: 1 }, { packets: 1, bytes: new Uint8Array(0) })
    expect(empty.tally.corruption).toBe(0)
  })

  it('corrupts the copies of a datagram each by itself', () => {
    const { departures } = run({ duplication: 1, corruption: 1 }, { packets: 20 })
    const same = departures.filter(([a, b]) => differingBits(a?.bytes, b?.bytes ?? payload) === 0)
    expect(same.length).toBeLessThan(3)
  })

  it('is a place in the queue of a limited rate, or overflow when that is full', () => {
    // 100 bytes a millisecond arrive, 50 leave.
    const { departures, tally } = run(
      { rateBytesPerSecond: 50_000, rateQueueBytesMax: 1_000 },
      { packets: 100 },
    )
    const times = departures.flatMap((copies) => copies.map(({ atMs }) => atMs))
    expect(times.slice(0, 3)).toEqual([2, 4, 6])
    for (const [at, time] of times.entries()) expect(time).toBe(2 * (at + 1))
    expect(tally.overflow).toBe(100 - times.length)
    expect(tally.overflow).toBeGreaterThan(30)
    expect(tally.rate).toBe(times.length - 1)
    for (const [at, copies] of departures.entries()) {
      for (const { atMs } of copies) expect((atMs - at) * 50).toBeLessThanOrEqual(1_000)
    }
  })

  it('is a blackhole only when it is larger than the limit', () => {
    expect(run({ blackholeAboveBytes: 100 }, { packets: 5 }).tally.blackhole).toBe(0)
    const { departures, tally } = run({ blackholeAboveBytes: 99 }, { packets: 5 })
    expect(tally.blackhole).toBe(5)
    expect(victims(departures)).toHaveLength(5)
  })

  it('is nothing at all behind a half-open link', () => {
    const { departures, tally } = run({ halfOpen: true, loss: 1 }, { packets: 5 })
    expect(victims(departures)).toHaveLength(5)
    expect(tally).toMatchObject({ halfOpen: 5, loss: 0 })
  })

  it('waits for the end of a stall that began before it', () => {
    const { departures, tally } = run({ stallShare: 0.01, stallTimeMs: 20 })
    const held = departures.filter(([only], at) => (only as Departure).atMs > at)
    expect(held.length).toBe(tally.stall)
    expect(held.length).toBeGreaterThan(500)
    const ends = new Set(held.map(([only]) => (only as Departure).atMs))
    // A stall of 20 ms holds 20 datagrams that come each millisecond.
    expect(held.length).toBe(ends.size * 20)
  })
})

function differingBits(a: Uint8Array = payload, b: Uint8Array = payload): number {
  expect(a.length).toBe(b.length)
  let bits = 0
  for (const [at, byte] of a.entries()) {
    for (let rest = byte ^ (b[at] as number); rest > 0; rest >>>= 1) bits += rest & 1
  }
  return bits
}
