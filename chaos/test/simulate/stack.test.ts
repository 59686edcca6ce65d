import { describe, expect, it, vi } from 'vitest'
import { runStack } from '../../src/simulate/stack/run-stack.ts'
import { huntStackBugs } from '../../src/simulate/stack/stack-bugs.ts'
import { type StackScenario, stackScenarios } from '../../src/simulate/stack/stack-scenarios.ts'

vi.setConfig({ testTimeout: 120_000 })

/** What each scenario is about has to happen in these seeds: else it tests nothing. */
const happens: Readonly<Record<string, readonly string[]>> = {
  'stack-quiet': ['told replied', 'told handled', 'told received', 'told CANCELLED', 'told ended'],
  'stack-overload': ['told OVERLOAD', 'told BACKPRESSURE', 'told LIMIT_PENDING'],
  'stack-restarts': ['fault kill', 'fault break', 'told DELIVERY_UNKNOWN', 'undelivered'],
  'stack-partitions': ['fault partition', 'fault heal', 'fault pause'],
  'stack-drain': ['fault drain', 'told replied'],
  'stack-swarm': ['fault kill', 'fault break', 'fault pause', 'told replied'],
}

function scenarioOf(name: string): StackScenario {
  const scenario = stackScenarios.get(name)
  if (scenario === undefined) throw new Error(`no scenario is called ${name}`)
  return scenario
}

describe('the whole stack on simulated time', () => {
  it.each([...stackScenarios.keys()])('keeps its promises: %s', async (name) => {
    const total: Record<string, number> = {}
    for (let seed = 1; seed <= 3; seed += 1) {
      const result = await runStack(scenarioOf(name), seed)
      expect(result).toMatchObject({ seed, outcome: 'ok', violations: [] })
      for (const [what, count] of Object.entries(result.metrics)) {
        total[what] = (total[what] ?? 0) + count
      }
    }
    expect(total.calls).toBeGreaterThan(500)
    for (const what of happens[name] ?? []) expect.soft(total[what] ?? 0, what).toBeGreaterThan(0)
  })

  it('runs in the same way with the same seed, and as told with another number of nodes', async () => {
    const swarm = scenarioOf('stack-swarm')
    const one = await runStack(swarm, 7)
    const again = await runStack(swarm, 7, { nodes: one.nodes })
    expect({ ...again, wallMs: 0 }).toEqual({ ...one, wallMs: 0 })
    const other = await runStack(swarm, 7, { nodes: one.nodes === 3 ? 4 : 3 })
    expect(other.traceHash).not.toBe(one.traceHash)
  })
})

describe('bugs that are planted in messaging and the facade', () => {
  it('are all noticed, and the same runs hold without them', async () => {
    const catches = await huntStackBugs(true, () => undefined)
    expect(catches.length).toBeGreaterThanOrEqual(15)
    for (const { bug, result, without } of catches) {
      expect.soft(result?.outcome, bug).toMatch(/^(violation|crash)$/)
      expect.soft(without?.outcome, bug).toBe('ok')
    }
  })
})
