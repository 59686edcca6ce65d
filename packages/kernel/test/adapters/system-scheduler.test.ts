import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemScheduler } from '../../src/node.ts'

describe('the clock of the system', () => {
  it('gives times that never go back and a wall time that is now', () => {
    const scheduler = systemScheduler()
    let lastMs = scheduler.nowMs()
    for (let reading = 0; reading < 1_000; reading += 1) {
      const nowMs = scheduler.nowMs()
      expect(nowMs).toBeGreaterThanOrEqual(lastMs)
      lastMs = nowMs
    }
    expect(Math.abs(scheduler.wallMs() - Date.now())).toBeLessThan(1_000)
  })
})

describe('a timer of the system', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('runs once, not before its delay', () => {
    const run = vi.fn()
    systemScheduler().after(100, run)
    vi.advanceTimersByTime(99)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it.each([0, -5])('with delay %d runs soon, but not before the call has returned', (delayMs) => {
    const run = vi.fn()
    systemScheduler().after(delayMs, run)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('does not run once it is cancelled, and may be cancelled at any time', () => {
    const run = vi.fn()
    const timer = systemScheduler().after(100, run)
    timer.cancel()
    timer.cancel()
    vi.advanceTimersByTime(1_000)
    expect(run).not.toHaveBeenCalled()
    const ran = systemScheduler().after(1, run)
    vi.advanceTimersByTime(1)
    ran.cancel()
    expect(run).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps a delay that is longer than setTimeout takes', () => {
    const days60Ms = 60 * 24 * 3_600_000
    const run = vi.fn()
    systemScheduler().after(days60Ms, run)
    vi.advanceTimersByTime(days60Ms - 1)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('can be cancelled in the middle of a long delay', () => {
    const run = vi.fn()
    const timer = systemScheduler().after(2 ** 33, run)
    vi.advanceTimersByTime(2 ** 32)
    timer.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('the next turn', () => {
  it('comes after this one and before any timer that is longer, unless cancelled', async () => {
    const scheduler = systemScheduler({ unref: true })
    const ran: string[] = []
    const timed = new Promise<void>((resolve) => {
      systemScheduler().after(50, () => resolve(void ran.push('timer')))
    })
    scheduler.immediate(() => ran.push('turn'))
    scheduler.immediate(() => ran.push('cancelled')).cancel()
    expect(ran).toEqual([])
    await timed
    expect(ran).toEqual(['turn', 'timer'])
  })
})

describe('a waiting timer', () => {
  const entry = fileURLToPath(new URL('../../src/node.ts', import.meta.url))
  const printed = (options: string): string => {
    const script = `
      const { systemScheduler } = await import(${JSON.stringify(entry)})
      systemScheduler(${options}).after(50, () => process.stdout.write('ran'))
    `
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(child.status).toBe(0)
    return child.stdout
  }

  it('keeps the process alive, unless told not to', () => {
    expect(printed('')).toBe('ran')
    expect(printed('{ unref: true }')).toBe('')
  })
})
