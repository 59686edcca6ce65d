import { describe, expect, it } from 'vitest'
import { ConnectionHealth } from '../../src/core/connection-health.ts'

const settings = { pingMs: 1_000, stallTimeoutMs: 5_000, sweepMs: 1_000 }
const quiet = { receivedBytes: 7, waitingBytes: 0, movedBytes: 0 }

/** A connection whose ping is out since 0. */
function waiting(): ConnectionHealth {
  const health = new ConnectionHealth(settings, 0)
  health.observe(0, quiet)
  health.pinged(0)
  return health
}

describe('the health of a connection', () => {
  it('counts silence only while an answer is owed', () => {
    const health = new ConnectionHealth(settings, 0)
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 1_000) {
      expect(health.observe(nowMs, quiet)).toBe('ok')
    }
  })

  it('is lost after the time, to the look', () => {
    const health = waiting()
    const verdicts = [1, 2, 3, 4, 5].map((second) => health.observe(second * 1_000, quiet))
    expect(verdicts).toEqual(['ok', 'ok', 'ok', 'ok', 'silent'])
  })

  it('begins anew with every byte that arrives, and with the answer', () => {
    const health = waiting()
    for (const second of [1, 2, 3, 4]) health.observe(second * 1_000, quiet)
    expect(health.observe(5_000, { ...quiet, receivedBytes: 8 })).toBe('ok')
    expect(health.observe(9_000, { ...quiet, receivedBytes: 8 })).toBe('ok')
    health.answered(3)
    expect(health.observe(30_000, { ...quiet, receivedBytes: 8 })).toBe('ok')
  })

  it('does not count time in which nobody looked: this process may have stood still', () => {
    const health = waiting()
    expect(health.observe(60_000, quiet)).toBe('ok')
    expect(health.observe(61_000, quiet)).toBe('ok')
    expect(health.observe(62_000, quiet)).toBe('ok')
    // Two looks' worth for the long one, then a second each.
    expect(health.observe(63_000, quiet)).toBe('silent')
  })

  it('is lost when bytes wait and none leave', () => {
    const health = new ConnectionHealth(settings, 0)
    const owed = { receivedBytes: 0, waitingBytes: 10, movedBytes: 4 }
    health.observe(0, owed)
    for (const second of [1, 2, 3, 4]) expect(health.observe(second * 1_000, owed)).toBe('ok')
    expect(health.observe(5_000, { ...owed, receivedBytes: 99 })).toBe('stuck')
    const moving = new ConnectionHealth(settings, 0)
    for (let second = 0; second < 30; second++) {
      expect(moving.observe(second * 1_000, { ...owed, movedBytes: second })).toBe('ok')
    }
  })

  it('remembers round trips', () => {
    const health = new ConnectionHealth(settings, 0)
    expect(health.pings.lastRttMs).toBeNull()
    for (const rttMs of [8, 16, 8]) {
      health.pinged(0)
      health.answered(rttMs)
    }
    health.pinged(0)
    health.failed()
    expect(health.pings).toEqual({
      lastRttMs: 8,
      smoothedRttMs: 8.875,
      minRttMs: 8,
      answered: 3,
      unanswered: 1,
    })
  })
})
