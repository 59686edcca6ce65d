import type { BootId } from '@nodosum/kernel'
import {
  type Member,
  type MemberChange,
  type MembershipOptions,
  membershipOptions,
  type UserEvent,
} from '@nodosum/membership'
import { type SimulatedHost, type SimulatedProcess, Simulation } from '@nodosum/testkit'
import type { ProtocolRules } from '../../../packages/membership/src/core/rules.ts'
import { Beliefs, type Standing } from './beliefs.ts'
import { Excuses } from './excuses.ts'
import { Measurements } from './measurements.ts'
import { MemberNode, type MemberNodeEvents, type MemberNodeOptions } from './member-node.ts'

/** A packet must fit every path; the seal is counted. */
const packetBytesMax = 1_400

/** Pairs of nodes that one checkpoint compares in full. */
const pairsPerCheckpoint = 20_000

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
  readonly #ownIncarnations = new Map<string, number>()
  readonly #unfinished = new Set<string>()
  /** The last piece of news that each node has heard of each boot of another. */
  readonly #heard = new Map<string, number>()
  readonly #membership: MembershipOptions
  readonly #rules: ProtocolRules | undefined

  constructor(options: {
    seed: number
    hostsMax: number
    delayMs: number
    jitterMs: number
    options: Partial<MembershipOptions>
    rules: ProtocolRules | undefined
  }) {
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
    this.#membership = membershipOptions.parse(options.options)
    this.#rules = options.rules
    const { checks } = this.simulation
    checks.afterEachStep('a node never takes back its own incarnation', (host) =>
      this.#ownIncarnationRises(host),
    )
    checks.afterEachStep('queues are bounded', (host) => this.#queuesAreBounded(host))
    checks.atCheckpoints('round trips are plausible', () => this.#roundTripsArePlausible())
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

  start(host: string, options: Omit<MemberNodeOptions, 'options' | 'rules'>): void {
    this.#options.set(host, { ...options, options: this.#membership, rules: this.#rules })
    this.simulation.start(host)
  }

  /** Whether all running nodes have equal digests, and know what each says of itself. */
  get agrees(): boolean {
    const { running } = this
    if (running.some(({ core }) => core.digest !== running[0]?.core.digest)) return false
    const own = new Map(running.map(({ core }) => [core.self.nodeId, described(core.self)]))
    return running.every(({ core }) =>
      core
        .members()
        .every(
          (member) =>
            (own.get(member.nodeId) ?? '') === described(member) || !own.has(member.nodeId),
        ),
    )
  }

  /** Whether every other running node has heard so many pieces of news of this one. */
  isHeardByAll(host: string, count: number): boolean {
    const boot = this.simulation.host(host).counters.starts
    return this.running.every(({ process }) => {
      const key = `${process.host} ${process.boot} ${host} ${boot}`
      return process.host === host || (this.#heard.get(key) ?? 0) >= count
    })
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

  published(node: MemberNode, size: number): void {
    if (this.#nodes.get(node.process.host) === node) this.measurements.published(size)
  }

  heard(node: MemberNode, { from, sequence }: UserEvent): void {
    const { host, boot } = node.process
    const key = `${host} ${boot} ${from} ${this.simulation.host(from).counters.starts}`
    const before = this.#heard.get(key) ?? 0
    this.#heard.set(key, sequence)
    if (sequence > before) return
    this.#report(
      'news arrives in order, and once',
      `${host} hears ${sequence} of ${from} after ${before}`,
    )
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
    if (this.#options.get(host)?.refuses.includes(member.nodeId) === true) {
      this.#report('who is not admitted takes no part', `${host} takes ${member.nodeId} in`)
    }
    const now = { state: member.state, boot: known.boot, incarnation: incarnationOf(member) }
    const before = this.beliefs.believes(host, member.nodeId, now)
    this.#checkOrder(host, member.nodeId, before, now)
    if (kind === 'suspect') this.measurements.suspected(this.nowMs, member.nodeId, known.boot)
    if (before.state === 'suspect' && kind === 'alive') this.measurements.refutations += 1
    if (member.state === 'failed') this.#checkDeath(host, member.nodeId, known.boot)
  }

  #run(process: SimulatedProcess): void {
    const options = this.#options.get(process.host)
    if (options === undefined) throw new Error(`${process.host} was never started`)
    const node = new MemberNode(process, options, this)
    const { host, boot } = process
    this.#nodes.set(host, node)
    this.#boots.set(node.core.self.bootId, { host, boot })
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

  #checkOrder(observer: string, subject: string, before: Standing, now: Standing): void {
    const isSameBoot = before.boot === now.boot
    if (
      now.incarnation < before.incarnation ||
      (now.incarnation === before.incarnation && !isSameBoot)
    ) {
      const text = `${observer} goes back from ${before.incarnation} to ${now.incarnation} for ${subject}`
      this.#report('incarnations rise', text)
    }
    if (before.state === 'left' && isSameBoot && now.state !== 'left') {
      const text = `${observer} believes ${subject} to be ${now.state} after it left`
      this.#report('who has left stays away', text)
    }
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
    const value = incarnationOf(node.core.self)
    const before = this.#ownIncarnations.get(host.name) ?? -1
    this.#ownIncarnations.set(host.name, value)
    return value >= before ? null : `${host.name} goes back from ${before} to ${value}`
  }

  #queuesAreBounded(host: SimulatedHost): string | null {
    const node = this.node(host.name)
    if (node === undefined) return null
    const { news, suspects } = node.core.backlog
    const { newsMax, membersMax } = this.#membership
    if (news <= newsMax && suspects <= membersMax) return null
    return `${host.name} has ${news} news and ${suspects} suspects waiting`
  }

  #roundTripsArePlausible(): string[] {
    return this.#sample().flatMap(({ core, process }) =>
      core.members().flatMap(({ nodeId }) => {
        const rttMs = core.rttMs(nodeId) ?? 0
        const isSane = rttMs >= 0 && rttMs <= 20_000
        return isSane ? [] : [`${process.host} believes ${nodeId} to be ${rttMs} ms away`]
      }),
    )
  }

  /** As many nodes as can be looked at closely without slowing the run down; others next time. */
  #sample(): MemberNode[] {
    const { running } = this
    const count = Math.min(
      running.length,
      Math.ceil(pairsPerCheckpoint / Math.max(1, running.length)),
    )
    const first = (this.simulation.checks.checkpointsChecked * count) % Math.max(1, running.length)
    return [...running, ...running].slice(first, first + count)
  }

  #viewsAddUp(): string[] {
    return this.#sample().flatMap((node) => {
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

/** Counters stay far below 10^9, so that an epoch outweighs any of them. */
function incarnationOf({ incarnation }: Member): number {
  return incarnation.epoch * 1e9 + incarnation.counter
}

/** What a node says of itself, to be compared. */
function described({ tags, applications, incarnation }: Member): string {
  return JSON.stringify([Object.entries(tags).sort(), applications, incarnation])
}
