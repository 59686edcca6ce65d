import { describe, expect, it } from 'vitest'
import { type FloodRound, p99FactorOf, problemsOf } from '../src/flood/judge-flood.ts'
import { floodKinds } from '../src/flood/orders.ts'
import { withFloodTargets } from '../src/flood/run-flood.ts'

describe('a flood', () => {
  it('of each kind is answered by nobody, leaves nothing behind, and stops nobody', async () => {
    const brief = { packetsPerSecond: 4_000, seconds: 1, quietSeconds: 1, warmUpMs: 500 }
    const rounds = await withFloodTargets(async (flood) => {
      const done: FloodRound[] = []
      for (const kind of floodKinds) done.push(await flood({ kind, ...brief }))
      return done
    })
    expect(rounds.flatMap(problemsOf)).toEqual([])
    const dropped = rounds.map(({ counted }) => counted)
    const [garbage, initials, stranger, member, retry] = dropped
    expect(garbage).toMatchObject({ droppedUnknown: expect.any(Number) })
    expect(initials?.droppedUnsealed).toBeGreaterThan(1_000)
    expect(stranger?.droppedForeignPath).toBeGreaterThan(500)
    expect(stranger?.droppedUnopened).toBeGreaterThan(500)
    expect(member?.droppedUnopened).toBeGreaterThan(500)
    expect(member).not.toHaveProperty('droppedForeignPath')
    expect(retry?.retries).toBeGreaterThan(1_000)
    expect(retry?.droppedToken).toBeGreaterThan(1_000)
  }, 120_000)
})

describe('the judgement of a flood', () => {
  const good: FloodRound = {
    kind: 'garbage',
    packetsPerSecond: 10_000,
    seconds: 30,
    sent: 299_000,
    sentBytes: 200_000_000,
    different: 2_048,
    droppedBySystem: 0,
    answersToStrangers: 0,
    bytesToStrangers: 0,
    answersToMember: 3,
    acceptedMore: 0,
    connectionsMore: 0,
    members: 3,
    requests: 3_000,
    requestsFailed: 0,
    quietP50Ms: 0.5,
    floodP50Ms: 0.6,
    quietP99Ms: 2,
    floodP99Ms: 3,
    quietRssMib: 150,
    floodRssMib: 160,
    counted: {},
  }

  it('finds nothing wrong with what is well, and each thing that is not', () => {
    expect(problemsOf(good)).toEqual([])
    const bad: readonly (readonly [Partial<FloodRound>, string])[] = [
      [{ sent: 100_000 }, 'proves nothing'],
      [{ answersToStrangers: 1 }, '1 answers to strangers'],
      [{ answersToMember: 1_000 }, '1000 answers to the member'],
      [{ acceptedMore: 1 }, '1 connections were accepted'],
      [{ connectionsMore: 1 }, '1 more connections'],
      [{ members: 2 }, '2 of 3 members'],
      [{ requests: 0 }, 'nothing was measured'],
      [{ requestsFailed: 1 }, '1 requests failed'],
      [{ floodRssMib: 183 }, 'memory grew by 33.0 MiB'],
    ]
    for (const [change, words] of bad) {
      const found = problemsOf({ ...good, ...change })
      expect(found).toHaveLength(1)
      expect(found[0]).toContain(words)
    }
  })

  it('lets a Retry be answered, with a small part of what was sent', () => {
    const answers = { answersToStrangers: 149_500, bytesToStrangers: 25_000_000 }
    const retry: FloodRound = { ...good, kind: 'retry', members: 0, ...answers }
    expect(problemsOf(retry)).toEqual([])
    expect(problemsOf({ ...retry, bytesToStrangers: 60_000_000 })).toHaveLength(1)
    expect(problemsOf({ ...retry, bytesToStrangers: 0 })).toHaveLength(1)
  })

  it('takes the median of what the p99 became', () => {
    const rounds = [2, 9, 3, 4, 30].map((floodP99Ms) => ({ ...good, floodP99Ms }))
    expect(p99FactorOf(rounds)).toBe(2)
    expect(p99FactorOf([])).toBeNaN()
  })
})
