import { describe, expect, it } from 'vitest'
import { type Gate, gates, gatesText } from '../../src/simulate/gates.ts'
import { scenarios } from '../../src/simulate/scenarios/all.ts'

describe('gates', () => {
  it('are measured in scenarios that there are, each with a limit', () => {
    expect(gates.length).toBeGreaterThan(20)
    for (const { run, nodes, min, max } of gates) {
      expect(scenarios.get(run)?.nodesMin).toBeLessThanOrEqual(nodes)
      expect([min, max].filter((limit) => limit !== undefined)).toHaveLength(1)
    }
  })

  it('are printed beside what was published, with what was measured and whether it passes', () => {
    const [gate] = gates as [Gate]
    const text = gatesText([
      { gate, value: 2_345, passes: true },
      { gate, value: undefined, passes: false },
    ])
    expect(text).toContain('pass       2.35 s  <= 10 s')
    expect(text).toContain('FAIL  not reached  <= 10 s')
    expect(text).toContain('published: memberlist 95 s mean')
    expect(text).toContain('1 of 2 gates pass')
  })
})
