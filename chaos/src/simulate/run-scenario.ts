import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRandom, unreachable } from '@nodosum/kernel'
import type { FaultKind, Violation } from '@nodosum/testkit'
import type { ProtocolRules } from '../../../packages/membership/src/core/rules.ts'
import { excusedBy, touchedBy } from './excuses.ts'
import { MemberCluster } from './member-cluster.ts'
import { type Goal, isRemovable, type Scenario, type Step } from './step.ts'

/** How a run ended; `liveness`: something that had to come true did not. */
export type Outcome = 'ok' | 'violation' | 'liveness' | 'crash'

export interface RunOptions {
  readonly scenario: Scenario
  readonly nodes: number
  readonly seed: number
  /** Which of the removable steps happen, by their number; default all. */
  readonly keep?: readonly number[]
  /** Wrong rules for every node; default the real ones. */
  readonly rules?: ProtocolRules
  /** Measures memory as well, which takes a full collection of garbage. */
  readonly weigh?: boolean
}

export interface RunResult {
  readonly scenario: string
  readonly nodes: number
  readonly seed: number
  readonly virtualMs: number
  readonly wallMs: number
  /** Time of one processor; a busy machine makes wallMs longer, but not this. */
  readonly cpuMs: number
  readonly outcome: Outcome
  readonly metrics: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  /** How often each kind of fault has begun. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** The same for every run of the same scenario, nodes and seed. */
  readonly traceHash: string
}

/** Views are compared with what was told so often, beside every `await`. */
const checkpointEveryMs = 5_000

/** The steps of a scenario for one seed, all of them. */
export function stepsOf(scenario: Scenario, nodes: number, seed: number): readonly Step[] {
  const hosts = Array.from({ length: nodes }, (_, index) => `n${index}`)
  const random = seededRandom(seed).stream('scenario').stream(scenario.name)
  return scenario.steps({ hosts, random })
}

/** Runs a scenario from its start to its end, or to the first violation. */
export function runScenario(options: RunOptions): RunResult {
  const { scenario, nodes, seed, keep } = options
  const startedMs = performance.now()
  const startedCpu = process.cpuUsage()
  const steps = stepsOf(scenario, nodes, seed)
  const cluster = new MemberCluster({
    seed,
    hostsMax: 2 * nodes,
    delayMs: scenario.delayMs ?? 1,
    jitterMs: scenario.jitterMs ?? 4,
    socketBytesMax: scenario.socketBytesMax,
    options: scenario.options ?? {},
    rules: options.rules,
  })
  let outcome: Outcome = 'ok'
  try {
    let removable = -1
    for (const step of steps) {
      if (isRemovable(step)) {
        removable += 1
        if (keep !== undefined && !keep.includes(removable)) continue
      }
      outcome = take(cluster, step)
      if (outcome !== 'ok') break
    }
  } catch (error) {
    outcome = 'crash'
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    cluster.simulation.checks.report('nothing throws', detail)
  }
  const { checks, faultCounts, trace } = cluster.simulation
  const cpu = process.cpuUsage(startedCpu)
  return {
    scenario: scenario.name,
    nodes,
    seed,
    virtualMs: Math.round(cluster.nowMs),
    wallMs: Math.round(performance.now() - startedMs),
    cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
    outcome,
    metrics: {
      ...cluster.measurements.metrics(cluster.nowMs),
      ...(options.weigh === true && { heapBytesPerNode: Math.round(heapBytes() / nodes) }),
    },
    violations: checks.violations,
    faults: Object.fromEntries(Object.entries(faultCounts).filter(([, count]) => count > 0)),
    traceHash: trace.digest(),
  }
}

function take(cluster: MemberCluster, step: Step): Outcome {
  const { simulation } = cluster
  switch (step.do) {
    case 'start':
      return start(cluster, step)
    case 'fault': {
      const excused = step.excuses ?? excusedBy(step.fault, step.forMs)
      cluster.hurt(touchedBy(step.fault), excused, step.forMs)
      simulation.plan([{ atMs: 0, forMs: step.forMs, fault: step.fault }])
      return run(cluster, 0)
    }
    case 'leave':
      for (const host of step.hosts) cluster.node(host)?.leave()
      return safe(cluster)
    case 'drain':
      for (const host of step.hosts) cluster.node(host)?.act((core, nowMs) => core.drain(nowMs))
      return safe(cluster)
    case 'applications':
      for (const host of step.hosts) {
        cluster.node(host)?.act((core, nowMs) => core.setApplications(nowMs, step.applications))
      }
      return safe(cluster)
    case 'tags':
      for (const host of step.hosts) {
        cluster.node(host)?.act((core, nowMs) => core.setTags(nowMs, step.tags))
      }
      return safe(cluster)
    case 'emit':
      for (const host of step.hosts) emit(cluster, host, step.count)
      return safe(cluster)
    case 'restart':
      for (const host of step.hosts) simulation.restart(simulation.host(host))
      return safe(cluster)
    case 'replace':
      cluster.replace(step.host, step.by)
      return safe(cluster)
    case 'lose-discovery':
      cluster.discoveryWorks = false
      return safe(cluster)
    case 'expect':
      return expectAtMost(cluster, step)
    case 'run':
      return run(cluster, step.forMs)
    case 'heal':
      cluster.heal()
      return safe(cluster)
    case 'await':
      return wait(cluster, step)
    case 'measure':
      cluster.measurements.reset(cluster.nowMs)
      return safe(cluster)
    default:
      return unreachable(step)
  }
}

function start(cluster: MemberCluster, step: Extract<Step, { do: 'start' }>): Outcome {
  const { hosts, overMs, alone = [], expect = null, seeds = hosts.slice(0, 3) } = step
  for (const host of hosts) {
    cluster.start(host, {
      cluster: step.cluster ?? 'simulated',
      seeds,
      formation: { alone: alone.includes(host), expect },
      refuses: step.refuses ?? [],
      trafficEveryMs: step.trafficEveryMs ?? null,
      speaks: step.speaks,
      isLiar: step.liars?.includes(host) ?? false,
    })
    const outcome = overMs > 0 ? run(cluster, overMs / hosts.length) : safe(cluster)
    if (outcome !== 'ok') return outcome
  }
  return 'ok'
}

function expectAtMost(
  cluster: MemberCluster,
  { metric, max }: Extract<Step, { do: 'expect' }>,
): Outcome {
  const value = cluster.measurements.metrics(cluster.nowMs)[metric] ?? Number.NaN
  if (value <= max) return 'ok'
  cluster.simulation.checks.report(
    'figures stay in bounds',
    `${metric} is ${value}, not at most ${max}`,
  )
  return 'violation'
}

function emit(cluster: MemberCluster, host: string, count: number): void {
  for (let number = 1; number <= count; number += 1) {
    cluster.node(host)?.act((core, nowMs) => core.emit(nowMs, 'news', Uint8Array.of(number)))
  }
}

function run(cluster: MemberCluster, forMs: number): Outcome {
  const { scheduler, checks } = cluster.simulation
  const untilMs = scheduler.nowMs() + forMs
  for (;;) {
    const sliceMs = Math.min(checkpointEveryMs, untilMs - scheduler.nowMs())
    scheduler.runFor(sliceMs)
    if (sliceMs === checkpointEveryMs) checks.checkpoint()
    if (checks.violationCount > 0 || scheduler.nowMs() >= untilMs) return safe(cluster)
  }
}

function wait(cluster: MemberCluster, step: Extract<Step, { do: 'await' }>): Outcome {
  const { scheduler, checks } = cluster.simulation
  const isThere = goalOf(cluster, step.until)
  const untilMs = scheduler.nowMs() + step.withinMs
  // Cheap goals are looked at after every timer, others a hundred times a second.
  const everyMs = step.until.kind === 'converged' ? 0 : 10
  const isStopped = (): boolean => checks.violationCount > 0
  while (!isThere() && !isStopped() && scheduler.nowMs() < untilMs) {
    if (everyMs > 0) scheduler.runFor(everyMs)
    else
      scheduler.runUntil(
        () => isThere() || isStopped() || scheduler.nowMs() >= untilMs,
        step.withinMs + 1_000,
      )
  }
  if (isStopped()) return 'violation'
  if (!isThere()) {
    const why = step.until.kind === 'converged' ? `: ${cluster.differences().join('; ')}` : ''
    const goal = JSON.stringify(step.until)
    checks.report('what must come true does', `not ${goal} within ${step.withinMs} ms${why}`)
    return 'liveness'
  }
  if (step.until.kind === 'converged') cluster.measurements.converged(cluster.nowMs)
  checks.checkpoint()
  return safe(cluster)
}

function safe(cluster: MemberCluster): Outcome {
  return cluster.simulation.checks.violationCount > 0 ? 'violation' : 'ok'
}

function goalOf(cluster: MemberCluster, goal: Goal): () => boolean {
  switch (goal.kind) {
    case 'converged':
      return () => cluster.isConverged
    case 'failed':
    case 'left':
      return () =>
        cluster.running.every((node) => {
          const { id: host } = node
          if (goal.hosts.includes(host)) return true
          const isThat = (other: string): boolean =>
            cluster.beliefs.of(host, other).state === goal.kind
          return goal.hosts.every(isThat)
        })
    case 'agreed':
      return () => cluster.isConverged && cluster.agrees
    case 'heard':
      return () => goal.hosts.every((host) => cluster.isHeardByAll(host, goal.count))
    default:
      return unreachable(goal)
  }
}

/** What is in use after a full collection of garbage. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
