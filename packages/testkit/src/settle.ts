import type { SimulatedScheduler } from './simulated-scheduler.ts'

/**
 * Moves simulated time from timer to timer until the promise settles, with a turn of the real event
 * loop after each, so that what awaits goes on in between.
 *
 * @param limitMs simulated milliseconds at most; default an hour
 * @returns what the promise resolves to
 * @throws what it rejects with; an error when the limit passes or no timer is left, which says which
 */
export async function settle<Value>(
  scheduler: SimulatedScheduler,
  work: Promise<Value>,
  limitMs = 3_600_000,
): Promise<Value> {
  const untilMs = scheduler.nowMs() + limitMs
  let isSettled = false
  const end = (): void => {
    isSettled = true
  }
  work.then(end, end)
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (isSettled) return work
    if (scheduler.runNext(untilMs - scheduler.nowMs())) continue
    const why = scheduler.pendingTimers === 0 ? 'no timer is left' : `${limitMs} ms have passed`
    throw new Error(`the work is not done and ${why} (now ${scheduler.nowMs()} ms)`)
  }
}
