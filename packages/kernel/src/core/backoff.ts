import { invariant } from './invariant.ts'
import type { Random } from './random.ts'

/**
 * How long to wait before the next attempt: uniformly from 0 to `min(maxMs, baseMs * 2^attempt)`,
 * "full jitter" as in Marc Brooker, "Exponential Backoff And Jitter" (AWS, 2015). The whole range
 * is drawn because nodes that failed together must not come back together.
 *
 * @param options.baseMs longest first wait, in milliseconds; above 0
 * @param options.maxMs longest wait of all, in milliseconds; at least `baseMs`
 * @param options.attempt 0 for the first wait
 * @returns milliseconds, may be fractional
 */
export function fullJitter(
  options: { baseMs: number; maxMs: number; attempt: number },
  random: Random,
): number {
  invariant(
    options.baseMs > 0 && options.maxMs >= options.baseMs && options.attempt >= 0,
    'a backoff needs 0 < baseMs <= maxMs, and attempts count from 0',
  )
  const ceilingMs = Math.min(options.maxMs, options.baseMs * 2 ** options.attempt)
  return random.float() * ceilingMs
}
