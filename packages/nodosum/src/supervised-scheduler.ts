import type { Scheduler, Supervisor } from '@nodosum/kernel'

/** A scheduler whose timers and turns cannot take the process down: a throw is logged, counted, isolated. */
export function supervisedScheduler(scheduler: Scheduler, supervisor: Supervisor): Scheduler {
  return {
    nowMs: () => scheduler.nowMs(),
    wallMs: () => scheduler.wallMs(),
    after: (delayMs, run) => scheduler.after(delayMs, supervisor.guard('timer', run)),
    immediate: (run) => scheduler.immediate(supervisor.guard('turn', run)),
  }
}
