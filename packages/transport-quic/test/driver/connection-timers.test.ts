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

  it('never spin: the engine rounds down, so what is due at once waits a millisecond', () => {
    const delays: number[] = []
    const scheduler: Scheduler = {
      nowMs: () => 100,
      wallMs: () => 100,
      immediate: () => ({ cancel: () => {} }),
      after: (delayMs) => {
        delays.push(delayMs)
        return { cancel: () => {} }
      },
    }
    const timers = new ConnectionTimers(scheduler, () => 0)
    const due = timed()
    timers.add(due)
    for (const deadlineMs of [100.2, 100, 90]) timers.update(due, deadlineMs)
    expect(delays).toEqual([1, 1, 1])
  })

  it('of a hundred connections are one, armed for the earliest', () => {
    const scheduler = simulatedScheduler()
    let armed = 0
    const counted: Scheduler = {
      nowMs: () => scheduler.nowMs(),
      wallMs: () => scheduler.wallMs(),
      immediate: (run) => scheduler.immediate(run),
      after: (delayMs, run) => {
        armed += 1
        const timer = scheduler.after(delayMs, () => {
          armed -= 1
          run()
        })
        return {
          cancel: () => {
            armed -= 1
            timer.cancel()
          },
        }
      },
    }
    const timers = new ConnectionTimers(counted, () => 0)
    const all = Array.from({ length: 100 }, () => timed())
    for (const [index, each] of all.entries()) {
      timers.add(each)
      timers.update(each, 1_000 - index)
      expect(armed).toBe(1)
    }
    scheduler.runFor(2_000)
    expect(all.map(({ firedMs }) => firedMs)).toEqual(all.map((_, index) => [1_000 - index]))
    expect(armed).toBe(0)
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
