import type { Scheduler } from '@nodosum/kernel'
import { systemScheduler } from '@nodosum/kernel/node'
import { simulatedScheduler } from '@nodosum/testkit'

/** Time as a test cluster moves it. */
export interface ClusterTime {
  readonly scheduler: Scheduler
  /** Lets so much time pass. */
  advance(ms: number): Promise<void>
  /** Lets time pass until the condition holds; false when it does not within the limit. */
  until(condition: () => boolean, limitMs: number): Promise<boolean>
}

/** How often the machine's clock is looked at. */
const lookMs = 5

/** The machine's own time. */
export function realTime(): ClusterTime {
  const scheduler = systemScheduler()
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void scheduler.after(ms, resolve))
  return {
    scheduler,
    advance: sleep,
    until: async (condition, limitMs) => {
      const untilMs = scheduler.nowMs() + limitMs
      for (;;) {
        if (condition()) return true
        if (scheduler.nowMs() >= untilMs) return false
        await sleep(lookMs)
      }
    },
  }
}

/** Time that only the cluster moves, from timer to timer. */
export function virtualTime(): ClusterTime {
  const scheduler = simulatedScheduler()
  const pass = async (condition: () => boolean, limitMs: number): Promise<boolean> => {
    const untilMs = scheduler.nowMs() + limitMs
    for (;;) {
      await turn()
      if (condition()) return true
      // Who waits beside may have moved the clock beyond this limit; it never goes back.
      const leftMs = untilMs - scheduler.nowMs()
      if (leftMs < 0) return false
      if (scheduler.runNext(leftMs)) continue
      scheduler.runFor(leftMs)
      await turn()
      return condition()
    }
  }
  return {
    scheduler,
    advance: async (ms) => void (await pass(() => false, ms)),
    until: pass,
  }
}

/** What awaits goes on, as far as it needs no time. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
