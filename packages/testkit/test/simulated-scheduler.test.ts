import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { simulatedScheduler } from '../src/index.ts'

describe('simulated time', () => {
  it('stands still until it is told to move', () => {
    const scheduler = simulatedScheduler({ startMs: 5, wallStartMs: 1_000 })
    const fired: string[] = []
    scheduler.after(10, () => fired.push('timer'))
    expect([scheduler.nowMs(), scheduler.wallMs(), fired]).toEqual([5, 1_000, []])
    scheduler.runFor(9)
    expect([scheduler.nowMs(), scheduler.wallMs(), fired]).toEqual([14, 1_009, []])
    scheduler.runFor(1)
    expect([scheduler.nowMs(), fired]).toEqual([15, ['timer']])
  })

  it('has a next turn, which takes no time', () => {
    const scheduler = simulatedScheduler()
    const ran: string[] = []
    scheduler.immediate(() => ran.push('cancelled')).cancel()
    scheduler.immediate(() => ran.push('turn'))
    expect(ran).toEqual([])
    scheduler.runFor(0)
    expect([scheduler.nowMs(), ran]).toEqual([0, ['turn']])
  })

  it('leaves turns to Node when told so, while timers stand still', async () => {
    const scheduler = simulatedScheduler({ turns: 'real' })
    const ran: string[] = []
    scheduler.after(0, () => ran.push('timer'))
    scheduler.immediate(() => ran.push('cancelled')).cancel()
    await new Promise<void>((resolve) => void scheduler.immediate(resolve))
    expect(ran).toEqual([])
  })

  it('fires in order of time, and of creation where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 200 }), (delays) => {
        const scheduler = simulatedScheduler()
        const fired: { delay: number; order: number; atMs: number }[] = []
        delays.forEach((delay, order) => {
          scheduler.after(delay, () => fired.push({ delay, order, atMs: scheduler.nowMs() }))
        })
        scheduler.runFor(50)
        const expected = delays
          .map((delay, order) => ({ delay, order, atMs: delay }))
          .sort((a, b) => a.delay - b.delay || a.order - b.order)
        expect(fired).toEqual(expected)
        expect(scheduler.pendingTimers).toBe(0)
      }),
    )
  })

  it('fires timers that timers create', () => {
    const scheduler = simulatedScheduler()
    const fired: number[] = []
    const again = (): void => {
      fired.push(scheduler.nowMs())
      scheduler.after(10, again)
    }
    again()
    scheduler.runFor(35)
    expect(fired).toEqual([0, 10, 20, 30])
  })

  it('does not fire what was cancelled, however often', () => {
    const scheduler = simulatedScheduler()
    const fired: string[] = []
    const timer = scheduler.after(10, () => fired.push('cancelled'))
    scheduler.after(5, () => timer.cancel())
    timer.cancel()
    timer.cancel()
    expect(scheduler.pendingTimers).toBe(1)
    scheduler.runFor(20)
    expect(fired).toEqual([])
  })

  it('runs until a condition holds, and says how long that took', () => {
    const scheduler = simulatedScheduler()
    let isDone = false
    scheduler.after(30, () => {
      isDone = true
    })
    scheduler.after(100, () => undefined)
    expect(scheduler.runUntil(() => isDone, 1_000)).toBe(30)
    expect(scheduler.runUntil(() => isDone, 1_000)).toBe(0)
  })

  it('gives up when the limit passes or nothing is left to happen', () => {
    const scheduler = simulatedScheduler()
    expect(() => scheduler.runUntil(() => false, 1_000)).toThrow('no timer is left')
    scheduler.after(2_000, () => undefined)
    expect(() => scheduler.runUntil(() => false, 1_000)).toThrow('1000 ms have passed')
  })

  it('refuses a delay that is not a number', () => {
    expect(() => simulatedScheduler().after(Number.NaN, () => undefined)).toThrow('finite')
  })
})

describe('many timers', () => {
  it('that are cancelled do not stay in memory, and the others keep their order', () => {
    const scheduler = simulatedScheduler()
    const fired: number[] = []
    const timers = Array.from({ length: 20_000 }, (_, index) =>
      scheduler.after((index * 7_919) % 10_000, () => fired.push(scheduler.nowMs())),
    )
    timers.forEach((timer, index) => {
      if (index % 10 !== 0) timer.cancel()
    })
    expect(scheduler.pendingTimers).toBe(2_000)
    scheduler.runFor(10_000)
    expect(fired).toHaveLength(2_000)
    expect(fired).toEqual([...fired].sort((a, b) => a - b))
  })
})
