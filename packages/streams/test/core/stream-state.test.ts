import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LaneNumbers } from '../../src/core/lane-numbers.ts'
import { type StreamState, StreamTimes } from '../../src/core/stream-state.ts'

const idleAfterMs = 100
const quiet = { isOpen: true, messages: 1, isQuiet: true }

describe('the state of a stream', () => {
  it('goes from opening to active, idle, active again, closing and closed, each with its time', () => {
    const times = new StreamTimes(1_000)
    const seen: [StreamState, number, number][] = []
    const look = (nowMs: number, sight: Partial<typeof quiet>): void => {
      times.look(nowMs, { ...quiet, ...sight }, idleAfterMs)
      seen.push([times.state, times.sinceMs, times.lastUsedMs])
    }
    look(1_010, { isOpen: false, isQuiet: false })
    look(1_020, {})
    look(1_090, {})
    look(1_110, {})
    look(1_500, {})
    look(1_600, { messages: 2, isQuiet: false })
    look(1_699, { messages: 2 })
    look(1_710, { messages: 2, isQuiet: false })
    look(1_720, { messages: 2 })
    expect(seen).toEqual([
      ['opening', 1_000, 1_010],
      ['active', 1_020, 1_010],
      ['active', 1_020, 1_010],
      ['idle', 1_110, 1_010],
      ['idle', 1_110, 1_010],
      ['active', 1_600, 1_600],
      ['active', 1_600, 1_600],
      ['active', 1_600, 1_600],
      ['idle', 1_720, 1_600],
    ])
    times.enter(1_800, 'closing')
    look(1_900, { messages: 3 })
    expect([times.state, times.sinceMs, times.openedMs]).toEqual(['closing', 1_800, 1_000])
    times.enter(2_000, 'closed')
    look(2_100, { messages: 4 })
    expect([times.state, times.sinceMs]).toEqual(['closed', 2_000])
  })
})

describe('the numbers of lanes', () => {
  it('are each used once, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(Array.from({ length: 40 }, (_, index) => index + 1)),
        (all) => {
          const numbers = new LaneNumbers()
          for (const number of all) {
            expect([numbers.has(number), numbers.use(number)]).toEqual([false, true])
          }
          for (const number of all) {
            expect([numbers.has(number), numbers.use(number)]).toEqual([true, false])
          }
        },
      ),
    )
  })

  it('take little memory, also of a peer that skips some', () => {
    const numbers = new LaneNumbers()
    for (let number = 1; number <= 100_000; number++) expect(numbers.use(number)).toBe(true)
    let taken = 0
    for (let number = 200_000; number < 300_000; number += 2) if (numbers.use(number)) taken += 1
    expect(taken).toBe(4_096)
  })
})
