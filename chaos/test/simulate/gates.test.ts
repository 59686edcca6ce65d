import { describe, expect, it } from 'vitest'
import { type Gate, gates, gatesText, judge } from '../../src/simulate/gates.ts'
import { runScenario } from '../../src/simulate/run-scenario.ts'
import { scenarios } from '../../src/simulate/scenarios/all.ts'
import type { Scenario } from '../../src/simulate/step.ts'

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

  it('fail where the run failed or somebody missed a crash, however good the figure is', () => {
    const gate = gates.find(({ metric }) => metric === 'detectedEverywhereP50Ms') as Gate
    const scenario = scenarios.get('crash') as Scenario
    const good = runScenario({ scenario, nodes: 12, seed: 1 })
    expect(judge(gate, good).passes).toBe(true)
    expect(judge(gate, { ...good, outcome: 'liveness' }).passes).toBe(false)
    const missed = { ...good.metrics, crashesUndetected: 1 }
    expect(judge(gate, { ...good, metrics: missed }).passes).toBe(false)
    const never = { ...good.metrics, detectedEverywhereP50Ms: Number.POSITIVE_INFINITY }
    const result = judge(gate, { ...good, metrics: never })
    expect(result.passes).toBe(false)
    expect(gatesText([result])).toContain('never')
  })
})
