import type { FaultKind } from '@nodosum/testkit'
import { describe, expect, it, vi } from 'vitest'
import { plantedBugs } from '../../../packages/membership/test/planted-bugs.ts'
import { narrowDown } from '../../src/simulate/explore.ts'
import { type RunResult, runScenario } from '../../src/simulate/run-scenario.ts'
import { scenarios } from '../../src/simulate/scenarios/all.ts'
import { startCluster } from '../../src/simulate/scenarios/start-cluster.ts'
import type { Scenario, Step } from '../../src/simulate/step.ts'

// Simulated time does not depend on how busy the machine is, but the end of a test does.
vi.setConfig({ testTimeout: 60_000 })

function scenario(name: string): Scenario {
  const found = scenarios.get(name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}

function broken(name: string, ...steps: Step[]): Scenario {
  return {
    name,
    summary: '',
    nodes: 5,
    nodesMin: 3,
    steps: ({ hosts }) => [...startCluster(hosts), ...steps],
  }
}

function run(name: string, nodes: number, seed: number): RunResult {
  return runScenario({ scenario: scenario(name), nodes, seed })
}

describe('every scenario', () => {
  it.each([...scenarios.keys()])('%s holds with twelve nodes', (name) => {
    const result = run(name, 12, 1)
    expect(result.violations).toEqual([])
    expect(result.outcome).toBe('ok')
    expect(result.metrics.meanBytesPerSecondPerNode).toBeGreaterThan(100)
    expect(result.metrics.maxBytesPerSecondPerNode).toBeGreaterThan(100)
  })
})

describe('a cluster', () => {
  /** Several seeds of a scenario, in which the faults really happen. */
  const masters = (name: string, nodes: number, seeds: number, ...faults: FaultKind[]): void => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = run(name, nodes, seed)
      expect(result.violations, `${name}, seed ${seed}`).toEqual([])
      for (const fault of faults) expect(result.faults[fault]).toBeGreaterThan(0)
    }
  }

  it('that is split is one again after it has healed, also when discovery finds nobody', () => {
    masters('partition-heal', 10, 10, 'partition')
    masters('islands', 8, 3, 'cut', 'partition')
    masters('one-way-split', 8, 5, 'cut')
    masters('split-and-churn', 10, 5, 'partition', 'crash')
    masters('deaf', 15, 3, 'degrade')
  })

  it('becomes one of groups that formed apart, and takes in who joins while others die', () => {
    masters('merge', 9, 5)
    masters('late-joiners', 21, 3)
    masters('join-in-turmoil', 12, 5, 'crash')
  })

  it('finds itself again by what its nodes kept, but for those who had left', () => {
    masters('kept-peers', 8, 5, 'crash')
  })

  it('lets nobody take part whom its members do not admit, also when they only hear of it', () => {
    masters('admission', 8, 3)
    masters('hearsay', 8, 3)
    const hearsay = plantedBugs.find(({ name }) => name === 'hearsay-admission')?.rules
    const bad = runScenario({ scenario: scenario('hearsay'), nodes: 8, seed: 1, rules: hearsay })
    expect(bad.violations[0]?.invariant).toBe('who is not admitted takes no part')
  })

  it('is not hurt by slow nodes', () => {
    masters('slow-node', 10, 5, 'stall')
    masters('stalls', 16, 3, 'stall')
    masters('pauses-in-turn', 8, 5, 'pause')
  })

  it('notices crashes, and takes back in who returns', () => {
    masters('crash-third', 15, 5, 'crash')
    masters('mass-restart', 15, 5, 'crash')
    masters('quick-restart', 6, 5, 'crash')
    masters('long-pause', 6, 3, 'pause')
    masters('away-alone', 10, 5, 'pause', 'partition')
    masters('away-alone', 60, 1, 'pause', 'partition')
  })

  it('notices crashes within the times that are stated, at any size', () => {
    for (const [nodes, seed] of [
      [5, 1],
      [20, 2],
      [100, 3],
      [100, 4],
    ] as const) {
      const { outcome, metrics } = run('crash', nodes, seed)
      expect([outcome, metrics.falseDeaths, metrics.crashesUndetected]).toEqual(['ok', 0, 0])
      expect(metrics.detectedFirstP50Ms).toBeGreaterThan(3_500)
      expect(metrics.detectedEverywhereP99Ms, `${nodes} nodes`).toBeLessThan(7_000)
    }
  })

  it('declares no healthy node dead where one of eight hardly gets the processor', () => {
    for (const seed of [1, 2]) {
      const { outcome, metrics, faults } = run('stalls', 64, seed)
      expect([outcome, metrics.healthyDeaths]).toEqual(['ok', 0])
      expect(faults.stall).toBe(1)
      // They are suspected, so it is no quiet run.
      expect(metrics.suspicions).toBeGreaterThan(100)
    }
  })

  it('notices crashes where every link loses half of its packets, with no false death', () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const { outcome, violations, metrics } = run('crash-loss-50', 60, seed)
      expect([outcome, violations], `seed ${seed}`).toEqual(['ok', []])
      expect(metrics.falseDeaths).toBe(0)
      expect(metrics.crashesUndetected).toBe(0)
      expect(metrics.detectedEverywhereP99Ms, `seed ${seed}`).toBeLessThan(15_000)
    }
  })

  it('loses nobody to the loss of packets', () => {
    masters('loss-5', 10, 3, 'degrade')
    masters('loss-50', 20, 3, 'degrade')
    masters('loss-50', 100, 1, 'degrade')
    masters('blackhole', 10, 3, 'cut')
    masters('asymmetric', 10, 3, 'cut')
  })

  it('loses nobody to latency', () => masters('latency', 10, 5, 'degrade'))

  it('keeps up with members that come and go', () => {
    masters('churn', 12, 5, 'crash')
    masters('rolling-restart', 8, 3)
    masters('leave-storm', 30, 3)
  })
})

describe('random faults', () => {
  it('kill nobody who is healthy, and end in one view, for thirty seeds', () => {
    const failed = Array.from({ length: 30 }, (_, index) => run('swarm', 6, index + 1)).filter(
      ({ outcome }) => outcome !== 'ok',
    )
    expect(failed.map(({ seed, violations }) => ({ seed, violations }))).toEqual([])
  })
})

describe('a run', () => {
  it('is the same a hundred times for one seed, and another for another', () => {
    const hashes = Array.from({ length: 100 }, () => run('quick-restart', 4, 5).traceHash)
    expect(new Set(hashes).size).toBe(1)
    expect(run('quick-restart', 4, 6).traceHash).not.toBe(hashes[0])
  })

  it('measures how long it takes until all know each other, and until all know of a crash', () => {
    const { metrics } = run('bootstrap', 20, 1)
    expect(metrics.convergedMs).toBeGreaterThan(0)
    expect(metrics.convergedMs).toBeLessThan(10_000)
    const crash = run('crash', 20, 1).metrics
    expect(crash.crashes).toBe(1)
    expect(crash.detectedEverywhereP50Ms).toBeGreaterThan(3_500)
    expect(crash.detectedEverywhereP99Ms).toBeLessThan(15_000)
    expect(crash.falseDeaths).toBe(0)
  })
})

describe('a run that fails', () => {
  const pause = (host: string, forMs: number, excuses?: string[]): Step => ({
    do: 'fault',
    fault: { kind: 'pause', hosts: [host] },
    forMs,
    ...(excuses && { excuses }),
  })

  it('is a violation when a node is declared dead that nothing excuses', () => {
    const bad = broken('unexcused', pause('n2', 60_000, []), { do: 'run', forMs: 30_000 })
    const result = runScenario({ scenario: bad, nodes: 5, seed: 1 })
    expect(result.outcome).toBe('violation')
    expect(result.violations[0]).toMatchObject({
      invariant: 'a healthy node is never declared dead',
      detail: expect.stringContaining('declares n2 dead'),
    })
  })

  it('is a lack of liveness when something does not come true', () => {
    const bad = broken('too-early', pause('n2', 60_000), {
      do: 'await',
      until: { kind: 'failed', hosts: ['n2'] },
      withinMs: 1_000,
    })
    const result = runScenario({ scenario: bad, nodes: 5, seed: 1 })
    expect(result.outcome).toBe('liveness')
    expect(result.violations[0]?.detail).toContain('"failed"')
  })

  it('is a crash when the code throws', () => {
    const bad = broken('throws', pause('nobody', 1_000))
    const result = runScenario({ scenario: bad, nodes: 5, seed: 1 })
    expect(result.outcome).toBe('crash')
    expect(result.violations[0]?.detail).toContain("no host is called 'nobody'")
  })

  it('is narrowed down to what it needs, with the command that runs it again', () => {
    const bad = broken(
      'narrow',
      pause('n1', 1_000),
      { do: 'run', forMs: 2_000 },
      { do: 'drain', hosts: ['n4'] },
      pause('n3', 2_000),
      pause('n2', 60_000, []),
      { do: 'run', forMs: 30_000 },
      pause('n1', 1_000),
      { do: 'run', forMs: 5_000 },
    )
    const result = runScenario({ scenario: bad, nodes: 5, seed: 7 })
    const failure = narrowDown(bad, result)
    expect(failure.keep).toEqual([3])
    expect(failure.steps).toEqual([pause('n2', 60_000, [])])
    expect(failure.isMinimal).toBe(true)
    expect(failure.replay).toBe('npm run simulate -- --scenario narrow --nodes 5 --seed 7 --keep 3')
    const again = runScenario({ scenario: bad, nodes: 5, seed: 7, keep: failure.keep })
    expect(again.violations[0]?.invariant).toBe(result.violations[0]?.invariant)
  })
})
