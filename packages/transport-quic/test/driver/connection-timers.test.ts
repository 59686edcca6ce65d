import type { Scheduler } from '@nodosum/kernel'
import { simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { ConnectionTimers, type Timed } from '../../src/driver/connection-timers.ts'

interface Told extends Timed {
  readonly firedMs: number[]
  readonly failures: unknown[]
}

/** Calls `work` at each deadline. */
function timed(work: (told: Told, nowMs: number) => void = () => undefined): Told {
  const told: Told = {
    deadlineMs: Number.POSITIVE_INFINITY,
    firedMs: [],
    failures: [],
    onDeadline(nowMs) {
      told.deadlineMs = Number.POSITIVE_INFINITY
      told.firedMs.push(nowMs)
      work(told, nowMs)
    },
    failed: (error) => told.failures.push(error),
  }
  return told
}

describe('the timers of connections', () => {
  it('keep the deadlines of the others when one throws', () => {
    const scheduler = simulatedScheduler()
    const timers = new ConnectionTimers(scheduler, () => 0)
    const bad = timed(() => {
      throw new Error('a bug')
    })
    const good = timed((told, nowMs) => {
      if (told.firedMs.length < 3) timers.update(told, nowMs + 10)
    })
    for (const each of [bad, good]) timers.add(each)
    timers.update(bad, 5)
    timers.update(good, 5)
    scheduler.runFor(100)
    expect(bad.failures).toHaveLength(1)
    expect(good.firedMs).toEqual([5, 15, 25])
  })

  it('that fire late let the socket be read first, as long as packets come', () => {
    let nowMs = 0
    let packets = 0
    const turns: (() => void)[] = []
    const fire: (() => void)[] = []
    const scheduler: Scheduler = {
      nowMs: () => nowMs,
      wallMs: () => nowMs,
      after: (_delayMs, run) => {
        fire.push(run)
        return { cancel: () => void fire.splice(0) }
      },
      immediate: (run) => {
        turns.push(run)
        return { cancel: () => void turns.splice(0) }
      },
    }
    const timers = new ConnectionTimers(scheduler, () => packets)
    const late = timed()
    timers.add(late)
    timers.update(late, 10)
    nowMs = 500
    fire.shift()?.()
    for (let round = 1; round <= 3; round += 1) {
      expect(late.firedMs).toEqual([])
      // Packets of the first two polls: the next one may bring more.
      if (round < 3) packets += 1
      turns.shift()?.()
    }
    expect(late.firedMs).toEqual([500])
    expect(timers.deferrals).toBe(3)
  })
})
