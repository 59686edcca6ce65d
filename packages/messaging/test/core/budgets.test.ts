import { describe, expect, it } from 'vitest'
import { ErrorBudget } from '../../src/core/error-budget.ts'
import { MemoryBudget } from '../../src/core/memory-budget.ts'
import { RetryBudget } from '../../src/core/retry-budget.ts'

describe('a retry budget', () => {
  const settings = { retryShare: 0.1, retriesPerSecondMin: 0 }

  it('allows a share of the requests of the last ten seconds', () => {
    const budget = new RetryBudget()
    for (let each = 0; each < 1_000; each++) budget.requested(0)
    let retries = 0
    while (budget.tryRetry(500, settings)) retries += 1
    expect([retries, budget.retries, budget.refused]).toEqual([100, 100, 1])
    // The retries are forgotten with the requests that allowed them.
    expect(budget.tryRetry(20_000, settings)).toBe(false)
  })

  it('allows some a second however few requests there are', () => {
    const budget = new RetryBudget()
    const some = { retryShare: 0, retriesPerSecondMin: 2 }
    let retries = 0
    for (let ms = 0; ms < 100_000; ms += 10) if (budget.tryRetry(ms, some)) retries += 1
    // Two a second over 100 s.
    expect(retries).toBe(200)
  })
})

describe('an error budget', () => {
  it('burns with failures, and says nothing of a few requests', () => {
    const budget = new ErrorBudget(60_000)
    const settings = { errorBudgetShare: 0.01 }
    for (let each = 0; each < 99; each++) budget.ended(0, true)
    expect(budget.snapshot(0, settings)).toMatchObject({ requests: 99, failures: 99, burn: 0 })
    for (let each = 0; each < 9_801; each++) budget.ended(0, false)
    expect(budget.snapshot(0, settings)).toEqual({
      windowMs: 60_000,
      requests: 9_900,
      failures: 99,
      share: 0.01,
      burn: 1,
    })
    expect(budget.snapshot(61_000, settings)).toMatchObject({ requests: 0, burn: 0 })
  })
})

describe('a memory budget', () => {
  it('takes from bulk first, then from requests, and never from control', () => {
    const budget = new MemoryBudget(1_000)
    budget.take(749)
    expect(budget.snapshot().sheds).toBe('nothing')
    budget.take(1)
    expect([budget.isShortFor('bulk'), budget.isShortFor('interactive')]).toEqual([true, false])
    budget.take(250)
    expect(budget.snapshot()).toMatchObject({ heldBytes: 1_000, sheds: 'interactive' })
    expect(budget.isShortFor('control')).toBe(false)
  })

  it('wakes those who wait one by one, as long as there is room', () => {
    const budget = new MemoryBudget(1_000)
    budget.take(900)
    const woken: number[] = []
    for (const number of [1, 2, 3]) {
      budget.whenBulkHasRoom(() => {
        woken.push(number)
        budget.take(200)
      })
    }
    budget.give(100)
    expect(woken).toEqual([])
    budget.give(300)
    // 500 held: the first takes 200, the second 200, then there are 900.
    expect(woken).toEqual([1, 2])
    budget.give(900)
    expect(woken).toEqual([1, 2, 3])
  })
})
