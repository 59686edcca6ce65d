/** `npm run chaos -- rolling-restart` does the same with five processes. */
import { describe, expect, it } from 'vitest'
import { judgeRestart } from '../src/rolling-restart/judge-restart.ts'
import { runRollingRestart } from '../src/rolling-restart/run-rolling-restart.ts'

describe('a rolling restart under load', () => {
  it('fails no request after one retry, and the account balances', async () => {
    const run = { processes: 3, ordersPerSecond: 15, rounds: 1 }
    const { problems, summary } = await runRollingRestart(run, () => undefined)
    expect(problems, summary).toEqual([])
  }, 180_000)
})

describe('what is judged', () => {
  const restarts = { restarts: 1, ordersMin: 1 }
  const order = { event: 'order', orderId: 'a' }
  const again = { event: 'asks again', orderId: 'a', reason: 'timeout' }
  const answer = { event: 'answer', orderId: 'a', outcome: 'confirmed' }

  it('allows one retry', () => {
    expect(judgeRestart([order, again, answer], restarts).problems).toEqual([])
  })

  it('finds a second retry, an order without answer, one that was given up, and an empty book', () => {
    const wrong = [
      [[order, again, again, answer], 'a was asked for 3 times'],
      [[order], '1 orders have no answer: a'],
      [[order, answer, { event: 'gave up', orderId: 'a', reason: 'x' }], 'a was given up: x'],
      [[], '0 orders are too few'],
    ] as const
    for (const [book, words] of wrong) {
      expect(judgeRestart(book, restarts).problems.join()).toContain(words)
    }
  })
})
