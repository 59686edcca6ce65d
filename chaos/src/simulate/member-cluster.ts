import type { BootId } from '@nodosum/kernel'
import { type MemberChange, membershipOptions } from '@nodosum/membership'
import { type SimulatedHost, type SimulatedProcess, Simulation } from '@nodosum/testkit'
import { Beliefs } from './beliefs.ts'
import { Excuses } from './excuses.ts'
import { Measurements } from './measurements.ts'
import { MemberNode, type MemberNodeEvents, type MemberNodeOptions } from './member-node.ts'

/** A packet must fit every path; the seal is counted. */
const packetBytesMax = 1_400

/** Nodes on simulated hosts, what they believe, what is measured, and what must hold. */
export class MemberCluster implements MemberNodeEvents {
  readonly simulation: Simulation
  readonly beliefs: Beliefs
  readonly measurements: Measurements = new Measurements()
  readonly #excuses = new Excuses()
  /** The node that runs on each host, or ran last. */
  readonly #nodes = new Map<string, MemberNode>()
  readonly #options = new Map<string, MemberNodeOptions>()
  readonly #boots = new Map<BootId, { host: string; boot: number }>()
  /** The incarnation that each node last believed of each other, as one number. */
  readonly #incarnations = new Map<string, Map<string, number>>()
  readonly #ownIncarnations = new Map<string, number>()
  readonly #unfinished = new Set<string>()

  constructor(options: { seed: number; hostsMax: number; delayMs: number; jitterMs: number }) {
    const { seed, hostsMax, delayMs, jitterMs } = options
    this.beliefs = new Beliefs(hostsMax)
    this.simulation = new Simulation({
      seed,
      hostsMax,
      program: (process) => this.#run(process),
      quality: { delayMs, jitterMs },
      timerLatenessMs: 1,
      onEnd: (host) => this.#ended(host),
    })
    const { checks } = this.simulation
    checks.afterEachStep('a node never takes back its own incarnation', (host) =>
      this.#ownIncarnationRises(host),
    )
    checks.atCheckpoints('the changes that were told add up to the view', () => this.#viewsAddUp())
  }

  get nowMs(): number {
    return this.simulation.scheduler.nowMs()
  }

  /** Nodes whose process runs. */
  get running(): MemberNode[] {
    return [...this.#nodes.values()].filter(({ process }) => process.isRunning)
  }

  /** Whether every running node belongs to a cluster and sees exactly the truth. */
  get isConverged(): boolean {
    return this.beliefs.wrong === 0 && this.#unfinished.size === 0
  }

  start(host: string, options: Omit<MemberNodeOptions, 'options'>): void {
    this.#options.set(host, { ...options, options: membershipOptions.parse({}) })
    this.simulation.start(host)
  }

  node(host: string): MemberNode | undefined {
    const node = this.#nodes.get(host)
    return node?.process.isRunning === true ? node : undefined
  }

  /** A fault touches these: they may be declared dead for so long; null: until it is healed. */
  hurt(hosts: readonly string[], forMs: number | null): void {
    this.#excuses.grant(hosts, this.nowMs, forMs)
    this.measurements.hurts(this.nowMs, hosts)
  }

  /** Every fault ends. */
  heal(): void {
    const running = this.running.map(({ process }) => process.host)
    this.measurements.heals(
      running,
      (subject, observer) => this.beliefs.of(observer, subject).state === 'failed',
    )
    this.simulation.heal()
    this.#excuses.expire(this.nowMs)
  }

  /** Why it has not converged, in words. */
  differences(): string[] {
    const waiting = [...this.#unfinished].slice(0, 3).map((host) => `${host} is in no cluster yet`)
    return [...waiting, ...this.beliefs.differences(5)]
  }

  sent(host: string, bytes: number): void {
    this.measurements.sent(this.nowMs, host, bytes)
    if (bytes > packetBytesMax) {
      this.#report('packets fit every path', `${host} sends a packet of ${bytes} bytes`)
    }
  }

  received(host: string, bytes: number): void {
    this.measurements.received(this.nowMs, host, bytes)
  }

  formed(node: MemberNode): void {
    this.#unfinished.delete(node.process.host)
  }

  conflicted(node: MemberNode): void {
    const { host } = node.process
    this.#report('no node is told that its id is taken', `${host} is told so, and is the only one`)
  }

  changed(node: MemberNode, change: MemberChange): void {
    const { host } = node.process
    const { member, kind } = change
    const { trace } = this.simulation
    trace.text(kind)
    trace.text(host)
    trace.text(member.nodeId)
    const known = this.#boots.get(member.bootId)
    if (known === undefined || known.host !== member.nodeId) {
      return this.#report(
        'nobody is invented',
        `${host} believes in ${member.nodeId} with a boot that never was`,
      )
    }
    const subject = this.#nodes.get(member.nodeId)
    if (subject?.cluster !== node.cluster) {
      this.#report('one cluster never learns of another', `${host} learns of ${member.nodeId}`)
    }
    this.#checkIncarnation(host, change, known.boot)
    const believed = this.beliefs.of(host, member.nodeId)
    if (believed.state === 'left' && believed.boot === known.boot && member.state !== 'left') {
      this.#report(
        'who has left stays away',
        `${host} believes ${member.nodeId} to be ${member.state} after it left`,
      )
    }
    this.beliefs.believes(host, member.nodeId, member.state, known.boot)
    if (kind === 'suspect') this.measurements.suspected(this.nowMs, member.nodeId, known.boot)
    if (believed.state === 'suspect' && kind === 'alive') this.measurements.refutations += 1
    if (member.state === 'failed') this.#checkDeath(host, member.nodeId, known.boot)
  }

  #run(process: SimulatedProcess): void {
    const options = this.#options.get(process.host)
    if (options === undefined) throw new Error(`${process.host} was never started`)
    const node = new MemberNode(process, options, this)
    const { host, boot } = process
    this.#nodes.set(host, node)
    this.#boots.set(node.core.self.bootId, { host, boot })
    this.#incarnations.set(host, new Map())
    this.#ownIncarnations.delete(host)
    this.#unfinished.add(host)
    this.beliefs.started(host, boot, options.cluster)
    node.start()
  }

  #ended(host: SimulatedHost): void {
    const boot = host.counters.starts
    this.#unfinished.delete(host.name)
    this.beliefs.ended(host.name)
    const isLeaving = this.#nodes.get(host.name)?.core.self.state === 'left'
    if (!isLeaving) this.measurements.crashed(this.nowMs, host.name, boot)
  }

  #checkIncarnation(observer: string, { member }: MemberChange, boot: number): void {
    const { epoch, counter } = member.incarnation
    // Counters stay far below; an epoch must outweigh any of them.
    const value = epoch * 1e9 + counter
    const last = this.#incarnations.get(observer)
    const before = last?.get(member.nodeId) ?? -1
    last?.set(member.nodeId, value)
    const isSameBoot = this.beliefs.of(observer, member.nodeId).boot === boot
    if (value > before || (value === before && isSameBoot)) return
    const text = `${observer} goes back from ${before} to ${value} for ${member.nodeId}`
    this.#report('incarnations rise', text)
  }

  #checkDeath(observer: string, subject: string, boot: number): void {
    this.measurements.declaredDead(this.nowMs, observer, subject, boot)
    const host = this.simulation.host(subject)
    if (!host.isRunning || host.counters.starts !== boot) return
    this.measurements.falseDeaths += 1
    if (this.#excuses.has(subject, this.nowMs) || this.#excuses.has(observer, this.nowMs)) return
    this.measurements.healthyDeaths += 1
    this.#report('a healthy node is never declared dead', `${observer} declares ${subject} dead`)
  }

  #ownIncarnationRises(host: SimulatedHost): string | null {
    const node = this.node(host.name)
    if (node === undefined) return null
    const { epoch, counter } = node.core.self.incarnation
    const value = epoch * 1e9 + counter
    const before = this.#ownIncarnations.get(host.name) ?? -1
    this.#ownIncarnations.set(host.name, value)
    return value >= before ? null : `${host.name} goes back from ${before} to ${value}`
  }

  #viewsAddUp(): string[] {
    return this.running.flatMap((node) => {
      const { host } = node.process
      return node.core
        .members()
        .filter(({ nodeId }) => nodeId !== host)
        .flatMap(({ nodeId, state, bootId }) => {
          const told = this.beliefs.of(host, nodeId)
          const isSame = told.state === state && told.boot === this.#boots.get(bootId)?.boot
          return isSame
            ? []
            : [`${host} was told ${nodeId} is ${told.state}, its view says ${state}`]
        })
    })
  }

  #report(name: string, detail: string): void {
    this.simulation.checks.report(name, detail)
  }
}
