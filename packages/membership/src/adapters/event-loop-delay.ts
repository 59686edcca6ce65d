import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { LoopDelay } from '../ports.ts'

/**
 * Milliseconds between two samples, which every sample shows as delay. Each one wakes an idle process,
 * and delays below 250 ms are nobody's business.
 */
const resolutionMs = 100

/** Measures how long the event loop holds things back, with Node's own histogram. */
export function eventLoopDelay(): LoopDelay & { close(): void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  return {
    takeMaxMs: () => {
      const maxMs = histogram.max / 1e6 - resolutionMs
      histogram.reset()
      return Math.max(0, maxMs)
    },
    close: () => histogram.disable(),
  }
}
