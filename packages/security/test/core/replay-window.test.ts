import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReplayWindow, replayWindowBits } from '../../src/core/replay-window.ts'

class ModelOf {
  readonly marked = new Set<number>()
  highest: number

  readonly floor: number

  constructor(floor: number) {
    this.floor = floor
    this.highest = floor
  }

  seen(counter: number): boolean {
    if (counter <= this.floor || counter <= this.highest - replayWindowBits) return true
    return this.marked.has(counter)
  }

  mark(counter: number): void {
    this.marked.add(counter)
    this.highest = Math.max(this.highest, counter)
  }
}

describe('the window', () => {
  it('agrees with a plain set under any order, gap and repetition', () => {
    const near = fc.integer({ min: -1_100, max: 100 })
    const far = fc.integer({ min: 900, max: 3_000 })
    const step = fc.oneof({ weight: 8, arbitrary: near }, { weight: 1, arbitrary: far })
    const base = fc.constantFrom(0, 5, 1_024, 2 ** 32 - 500, 2 ** 40)
    fc.assert(
      fc.property(base, fc.array(step, { maxLength: 300 }), (floor, steps) => {
        const model = new ModelOf(floor)
        const window = new ReplayWindow(floor)
        for (const distance of steps) {
          const counter = Math.max(0, model.highest + distance)
          const seen = model.seen(counter)
          expect(window.seen(counter)).toBe(seen)
          if (seen) continue
          window.mark(counter)
          model.mark(counter)
          expect(window.seen(counter)).toBe(true)
          expect(window.highest).toBe(model.highest)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('starts with nothing seen but zero', () => {
    const window = new ReplayWindow()
    expect(window.seen(0)).toBe(true)
    expect(window.seen(1)).toBe(false)
  })
})
