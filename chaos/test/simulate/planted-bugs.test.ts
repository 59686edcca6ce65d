import { describe, expect, it, vi } from 'vitest'
import { huntPlantedBugs } from '../../src/simulate/planted-bugs.ts'

vi.setConfig({ testTimeout: 60_000 })

describe('bugs that are planted in the core', () => {
  it('are all noticed, and the same runs hold without them', () => {
    const catches = huntPlantedBugs(true, () => undefined)
    expect(catches.length).toBeGreaterThanOrEqual(12)
    for (const { bug, result, without } of catches) {
      expect.soft(result?.outcome, bug).toMatch(/^(violation|liveness)$/)
      expect.soft(without?.outcome, bug).toBe('ok')
    }
  })
})
