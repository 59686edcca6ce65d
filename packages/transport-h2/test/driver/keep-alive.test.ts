import { simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { KeepAlive } from '../../src/driver/keep-alive.ts'

function watch(settings: { keepAliveMs: number; idleTimeoutMs: number }) {
  const scheduler = simulatedScheduler()
  const seen = { bytes: 0, quiet: [] as number[], silentAtMs: -1 }
  const keepAlive = new KeepAlive({
    scheduler,
    ...settings,
    receivedBytes: () => seen.bytes,
    onQuiet: () => seen.quiet.push(scheduler.nowMs()),
    onSilent: () => {
      seen.silentAtMs = scheduler.nowMs()
    },
  })
  return { scheduler, seen, keepAlive }
}

describe('keeping alive', () => {
  it('asks a quiet peer at intervals and gives up after the idle timeout', () => {
    const { scheduler, seen } = watch({ keepAliveMs: 3_000, idleTimeoutMs: 10_000 })
    scheduler.runFor(60_000)
    expect(seen.quiet).toEqual([2_500, 5_000, 7_500])
    expect(seen.silentAtMs).toBe(10_000)
    expect(scheduler.pendingTimers).toBe(0)
  })

  it('asks as often as keepAliveMs says', () => {
    const { scheduler, seen } = watch({ keepAliveMs: 250, idleTimeoutMs: 10_000 })
    scheduler.runFor(1_000)
    expect(seen.quiet).toEqual([250, 500, 750, 1_000])
  })

  it('starts over with every byte', () => {
    const { scheduler, seen } = watch({ keepAliveMs: 3_000, idleTimeoutMs: 10_000 })
    for (let round = 0; round < 20; round += 1) {
      scheduler.runFor(9_000)
      seen.bytes += 1
    }
    expect(seen.silentAtMs).toBe(-1)
    scheduler.runFor(13_000)
    expect(seen.silentAtMs).toBeGreaterThan(0)
  })

  it('stops when told', () => {
    const { scheduler, seen, keepAlive } = watch({ keepAliveMs: 3_000, idleTimeoutMs: 10_000 })
    keepAlive.stop()
    scheduler.runFor(60_000)
    expect(seen).toEqual({ bytes: 0, quiet: [], silentAtMs: -1 })
    expect(scheduler.pendingTimers).toBe(0)
  })
})
