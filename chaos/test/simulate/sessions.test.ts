import { describe, expect, it, vi } from 'vitest'
import { runSessions } from '../../src/simulate/sessions/run-sessions.ts'
import { huntSessionBugs } from '../../src/simulate/sessions/session-bugs.ts'
import {
  type SessionScenario,
  sessionScenarios,
} from '../../src/simulate/sessions/session-scenarios.ts'

vi.setConfig({ testTimeout: 60_000 })

describe('sessions on simulated connections', () => {
  it.each([...sessionScenarios.keys()])('keep their promises: %s', async (name) => {
    const scenario = sessionScenarios.get(name) as SessionScenario
    const faults: Record<string, number> = {}
    let received = 0
    for (let seed = 1; seed <= 20; seed++) {
      const result = await runSessions(scenario, seed)
      expect(result).toMatchObject({ seed, outcome: 'ok', violations: [] })
      received += result.received
      for (const [fault, count] of Object.entries(result.faults)) {
        faults[fault] = (faults[fault] ?? 0) + count
      }
    }
    expect(received).toBeGreaterThan(50_000)
    // A fault that never happens tests nothing.
    const { faults: wanted } = scenario
    const kinds = Object.values(wanted).filter((every) => typeof every === 'number').length
    expect(Object.keys(faults).length, name).toBe(kinds)
    for (const count of Object.values(faults)) expect(count).toBeGreaterThan(10)
  })

  it('run in the same way with the same seed', async () => {
    const scenario = sessionScenarios.get('sessions-swarm')
    if (scenario === undefined) throw new Error('there is no such scenario')
    const [one, other] = [await runSessions(scenario, 7), await runSessions(scenario, 7)]
    expect(one).toEqual(other)
  })
})

describe('bugs that are planted in sessions', () => {
  it('are all noticed, and the same runs hold without them', async () => {
    const catches = await huntSessionBugs(true, () => undefined)
    expect(catches.length).toBeGreaterThanOrEqual(15)
    for (const { bug, result, without } of catches) {
      expect.soft(result?.outcome, bug).toMatch(/^(violation|crash)$/)
      expect.soft(without?.outcome, bug).toBe('ok')
    }
  })
})
