import { describe, expect, it } from 'vitest'
import { eventLoopDelay } from '../../src/adapters/event-loop-delay.ts'

describe('the delay of the event loop', () => {
  it('is the longest since it was last asked', async () => {
    const delay = eventLoopDelay()
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 250))
    await turn()
    const until = performance.now() + 500
    while (performance.now() < until);
    await turn()
    expect(delay.takeMaxMs()).toBeGreaterThan(100)
    delay.close()
    expect(delay.takeMaxMs()).toBe(0)
  })
})
