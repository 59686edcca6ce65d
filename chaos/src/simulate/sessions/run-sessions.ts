import { parseNodeId, type Random, seededRandom } from '@nodosum/kernel'
import { type SessionTable, streamsOptions } from '@nodosum/streams'
import {
  type PathQuality,
  type SimulatedMesh,
  type SimulatedScheduler,
  simulatedMesh,
  simulatedScheduler,
  unkindPath,
} from '@nodosum/testkit'
import { ClassTraffic } from './class-traffic.ts'
import { SessionChecks, type SessionViolation } from './session-checks.ts'
import { SessionNode, type SessionWorld } from './session-node.ts'
import type { SessionFaults, SessionScenario } from './session-scenarios.ts'

type Rules = NonNullable<ConstructorParameters<typeof SessionTable>[1]>

/** What came of one run. */
export interface SessionResult {
  readonly scenario: string
  readonly seed: number
  readonly outcome: 'ok' | 'violation' | 'crash'
  readonly violations: readonly SessionViolation[]
  readonly virtualMs: number
  readonly received: number
  readonly unknown: number
  /** Lanes that were closed because nothing was sent on them, while messages came. */
  readonly closedLanes: number
  /** How often each kind of fault has happened. */
  readonly faults: Readonly<Record<string, number>>
}

/** After the last fault and the last message, everything has come by then. */
const settleMs = 40_000
/** Membership takes so long to see a death. */
const detectionMs = 2_000

/** Runs one scenario with one seed; the same seed gives the same run. */
export async function runSessions(
  scenario: SessionScenario,
  seed: number,
  rules?: Rules,
): Promise<SessionResult> {
  const run = new SessionRun(scenario, seed, rules)
  let crash: unknown = null
  try {
    await run.go()
  } catch (error) {
    crash = error
  }
  const { checks, scheduler, faults } = run
  const violations = [...checks.violations]
  if (crash !== null) {
    const detail = crash instanceof Error ? (crash.stack ?? crash.message) : String(crash)
    violations.push({ invariant: 'nothing throws', atMs: scheduler.nowMs(), detail })
  }
  return {
    scenario: scenario.name,
    seed,
    outcome: crash !== null ? 'crash' : violations.length > 0 ? 'violation' : 'ok',
    violations,
    virtualMs: scheduler.nowMs(),
    received: checks.received,
    unknown: checks.unknown,
    closedLanes: checks.closedLanes,
    faults,
  }
}

class SessionRun {
  readonly scheduler: SimulatedScheduler = simulatedScheduler()
  readonly checks: SessionChecks = new SessionChecks(() => this.scheduler.nowMs())
  readonly faults: Record<string, number> = {}
  readonly #scenario: SessionScenario
  readonly #random: Random
  readonly #mesh: SimulatedMesh
  readonly #world: SessionWorld
  readonly #nodes = new Map<string, SessionNode>()
  readonly #addresses = new Map<string, { host: string; port: number }>()
  readonly #dead: SessionNode[] = []
  /** Pairs of which a process has died. */
  readonly #touched = new Set<string>()
  #started = 0
  #isOver = false

  constructor(scenario: SessionScenario, seed: number, rules: Rules | undefined) {
    this.#scenario = scenario
    const random = seededRandom(`${scenario.name} ${seed}`)
    this.#random = random.stream('faults')
    this.#mesh = simulatedMesh({
      scheduler: this.scheduler,
      random: random.stream('mesh'),
      quality: qualityFor(scenario),
    })
    this.#world = {
      scheduler: this.scheduler,
      mesh: this.#mesh,
      checks: this.checks,
      options: streamsOptions.parse({ redialMaxMs: 500, ...scenario.options }),
      ...(rules === undefined ? {} : { rules }),
      addressOf: (name) => this.#addresses.get(name) ?? { host: '10.9.9.9', port: 1 },
      mayEnd: (one, other) => this.#touched.has(one) || this.#touched.has(other),
    }
  }

  async go(): Promise<void> {
    const { faults, trafficMs, nodes } = this.#scenario
    for (let number = 1; number <= nodes; number++) this.#start(`n${number}`)
    const names = [...this.#nodes.keys()]
    const classes = this.#scenario.traffic === 'classes' ? this.#classTraffic() : null
    classes?.start()
    if (classes === null) {
      for (const from of names) for (const to of names) if (from !== to) this.#traffic(from, to)
    }
    this.#schedule(this.#chosen(faults))
    await this.#run(trafficMs)
    classes?.check()
    this.#isOver = true
    for (const node of this.#nodes.values()) node.isQuiet = true
    this.#heal()
    await this.#run(settleMs)
    for (const node of this.#nodes.values()) if (!node.isDead) node.checkSettled()
    if ((this.faults.replace ?? 0) > 20 && this.checks.replaced === 0) {
      this.checks.violated('a connection can be replaced', 'none of them was')
    }
    if (this.checks.violations.length > 0) return
    const closing = [...this.#nodes.values()].filter(({ isDead }) => !isDead)
    for (const { name } of closing) this.#touched.add(name)
    const done = Promise.all(closing.map(({ table }) => table.close()))
    await this.#run(5_000)
    await done
    for (const node of closing) node.checkReturned()
  }

  #classTraffic(): ClassTraffic {
    const { scheduler, checks } = this
    const { trafficMs } = this.#scenario
    const from = this.#nodes.get('n1') as SessionNode
    const random = this.#random.stream('classes')
    const { scheduledWaitMaxMs } = this.#world.options
    return new ClassTraffic({
      scheduler,
      checks,
      from,
      to: 'n2',
      random,
      trafficMs,
      scheduledWaitMaxMs,
    })
  }

  /** A swarm draws for each seed which faults it has. */
  #chosen(faults: SessionFaults): SessionFaults {
    if (this.#scenario.name !== 'sessions-swarm') return faults
    const keep = (everyMs: number | null): number | null =>
      this.#random.integer(0, 1) === 0 ? null : everyMs
    return {
      ...faults,
      breaksEveryMs: keep(faults.breaksEveryMs),
      cutsEveryMs: keep(faults.cutsEveryMs),
      replacesEveryMs: keep(faults.replacesEveryMs),
      pausesEveryMs: keep(faults.pausesEveryMs),
      rumoursEveryMs: keep(faults.rumoursEveryMs),
      killsEveryMs: keep(faults.killsEveryMs),
    }
  }

  /** Fires one timer after the other, with what follows from settled promises in between. */
  async #run(durationMs: number): Promise<void> {
    const untilMs = this.scheduler.nowMs() + durationMs
    let isDone = false
    this.scheduler.after(durationMs, () => {
      isDone = true
    })
    while (!isDone && this.checks.violations.length === 0) {
      let fired = 0
      this.scheduler.runUntil(() => fired++ > 0, untilMs - this.scheduler.nowMs() + 1)
      for (let turn = 0; turn < 6; turn++) await Promise.resolve()
    }
  }

  #start(name: string): SessionNode {
    this.#started += 1
    const address = { host: `10.0.0.${this.#started}`, port: 1_000 }
    this.#addresses.set(name, address)
    const random = this.#random.stream(`node ${this.#started}`)
    const node = new SessionNode(this.#world, name, address, random)
    this.#nodes.set(name, node)
    return node
  }

  #traffic(from: string, to: string): void {
    const random = this.#random.stream(`traffic ${from} ${to}`)
    const tick = (): void => {
      if (this.#isOver) return
      // Bursts and silences, so that frames wait as well as buffers run full.
      const burst = random.integer(0, 5) === 0 ? random.integer(50, 300) : random.integer(0, 8)
      this.#nodes.get(from)?.send(to, burst)
      this.scheduler.after(random.integer(1, this.#scenario.pauseMaxMs), tick)
    }
    tick()
  }

  #schedule(faults: SessionFaults): void {
    this.#every('break', faults.breaksEveryMs, () => this.#mesh.breakConnections())
    this.#every('cut', faults.cutsEveryMs, () => this.#cut())
    this.#every('replace', faults.replacesEveryMs, () => this.#replace())
    this.#every('pause', faults.pausesEveryMs, () => {
      this.#anyNode()?.pauseOrResume(this.#random.integer(1, 2_000))
    })
    this.#every('rumour', faults.rumoursEveryMs, () => {
      const [observer, subject] = this.#pair()
      const hasFailed = this.#random.integer(0, 2) > 0
      observer.table.peerFailed(parseNodeId(subject.name), hasFailed)
    })
    this.#every('kill', faults.killsEveryMs, () => this.#kill(this.#random.integer(0, 5_000)))
    if (faults.leavesOneDead) {
      this.scheduler.after(this.#scenario.trafficMs / 2, () => this.#kill(null))
    }
  }

  #every(fault: string, everyMs: number | null, happen: () => void): void {
    if (everyMs === null) return
    const next = (): void => {
      this.scheduler.after(this.#random.integer(1, 2 * everyMs), () => {
        if (this.#isOver) return
        this.faults[fault] = (this.faults[fault] ?? 0) + 1
        happen()
        next()
      })
    }
    next()
  }

  #cut(): void {
    const [from, to] = this.#pair()
    const [one, other] = [this.#world.addressOf(from.name), this.#world.addressOf(to.name)]
    this.#mesh.cut(one.host, other.host)
    this.scheduler.after(this.#random.integer(1, 3_000), () => {
      if (!this.#isOver) this.#heal()
    })
  }

  #replace(): void {
    const [one, other] = this.#pair()
    void one.replace(other.name)
    if (this.#random.integer(0, 1) === 0) void other.replace(one.name)
  }

  #kill(returnsAfterMs: number | null): void {
    const victim = this.#anyNode()
    if (victim === undefined || victim.isDead) return
    const id = parseNodeId(victim.name)
    this.#touched.add(victim.name)
    victim.kill()
    this.#dead.push(victim)
    const others = (): SessionNode[] =>
      [...this.#nodes.values()].filter(({ name, isDead }) => name !== victim.name && !isDead)
    const isGone = (): boolean => this.#nodes.get(victim.name) === victim
    this.scheduler.after(detectionMs, () => {
      if (isGone()) for (const node of others()) node.table.peerFailed(id, true)
    })
    if (returnsAfterMs === null) return
    this.scheduler.after(returnsAfterMs, () => {
      const next = this.#start(victim.name)
      if (this.#isOver) next.isQuiet = true
      for (const node of others()) {
        node.table.peerFailed(id, false)
        node.table.rumourOfRestart(id, next.bootId)
        next.connect(node.name)
      }
    })
  }

  #heal(): void {
    this.#mesh.heal()
    for (const node of this.#dead) node.kill()
    if (!this.#isOver) return
    for (const node of this.#nodes.values()) {
      for (const other of this.#nodes.values()) {
        if (!other.isDead) node.table.peerFailed(parseNodeId(other.name), false)
      }
    }
  }

  #anyNode(): SessionNode | undefined {
    return this.#random.pick([...this.#nodes.values()])
  }

  #pair(): [SessionNode, SessionNode] {
    const [one, other] = this.#random.shuffle([...this.#nodes.values()])
    return [one as SessionNode, other as SessionNode]
  }
}

function qualityFor({ faults, traffic }: SessionScenario): Partial<PathQuality> {
  if (traffic === 'classes') return { delayMs: 5, bytesPerMs: 10_000, segmentBytesMax: 16_384 }
  if (!faults.unkindPaths) return { segmentBytesMax: 16_384 }
  return { ...unkindPath, delayMs: 10, jitterMs: 10, segmentBytesMax: 9_000 }
}
