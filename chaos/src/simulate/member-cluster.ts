import type { BootId } from '@nodosum/kernel'
import {
  type Member,
  type MemberChange,
  type MembershipOptions,
  membershipOptions,
  type UserEvent,
} from '@nodosum/membership'
import { type SimulatedHost, type SimulatedProcess, Simulation } from '@nodosum/testkit'
import { type ProtocolRules, protocolRules } from '../../../packages/membership/src/core/rules.ts'
import { Beliefs } from './beliefs.ts'
import { Excuses } from './excuses.ts'
import { Measurements } from './measurements.ts'
import { MemberChecks } from './member-checks.ts'
import { MemberNode, type MemberNodeEvents, type MemberNodeOptions } from './member-node.ts'

/** How a node starts, beside what all nodes of a run have in common. */
export interface StartOptions extends Omit<MemberNodeOptions, 'options' | 'rules' | 'nodeId'> {
  /** It denies accusations with incarnations that no node gets to. */
  readonly isLiar: boolean
}

/** The rules of a node that lies about itself. */
const lies: ProtocolRules = {
  ...protocolRules,
  refutationCounter: (accused, own) => Math.max(accused, own) + 2 ** 30,
}

/** Nodes on simulated hosts: what they believe, what is measured, and what must hold. */
export class MemberCluster implements MemberNodeEvents {
  readonly simulation: Simulation
  readonly beliefs: Beliefs
  readonly measurements: Measurements = new Measurements()
  /** Whether discovery finds anybody. */
  discoveryWorks = true
  readonly #checks: MemberChecks
  readonly #excuses = new Excuses()
  readonly #nodes = new Map<string, MemberNode>()
  readonly #nodeOn = new Map<string, MemberNode>()
  readonly #options = new Map<string, MemberNodeOptions>()
  readonly #boots = new Map<BootId, { id: string; boot: number }>()
  /** Nodes that belong to no cluster yet. */
  readonly #unformed = new Set<string>()
  readonly #membership: MembershipOptions
  readonly #rules: ProtocolRules | undefined

  constructor(options: {
    seed: number
    hostsMax: number
    delayMs: number
    jitterMs: number
    socketBytesMax: number | undefined
    options: Partial<MembershipOptions>
    rules: ProtocolRules | undefined
  }) {
    const { seed, hostsMax, delayMs, jitterMs, socketBytesMax } = options
    this.beliefs = new Beliefs(hostsMax)
    this.#membership = membershipOptions.parse(options.options)
    this.#rules = options.rules
    this.simulation = new Simulation({
      seed,
      hostsMax,
      program: (process) => this.#run(process),
      quality: { delayMs, jitterMs },
      timerLatenessMs: 1,
      ...(socketBytesMax !== undefined && { socketBytesMax }),
      onEnd: (host) => this.#ended(host),
    })
    this.#checks = new MemberChecks({
      nodes: this.#nodes,
      nodeOn: this.#nodeOn,
      boots: this.#boots,
      beliefs: this.beliefs,
      measurements: this.measurements,
      excuses: this.#excuses,
      membership: this.#membership,
      checks: this.simulation.checks,
      nowMs: () => this.nowMs,
    })
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
    return this.beliefs.wrong === 0 && this.#unformed.size === 0
  }

  /** Whether all running nodes have equal digests, and know what each says of itself. */
  get agrees(): boolean {
    const { running } = this
    if (running.some(({ core }) => core.digest !== running[0]?.core.digest)) return false
    const own = new Map(running.map(({ id, core }) => [id, described(core.self)]))
    const isRight = (member: Member): boolean => {
      const said = own.get(member.nodeId)
      return said === undefined || said === described(member)
    }
    return running.every(({ core }) => core.members().every(isRight))
  }

  /** Whether every other running node has heard so many pieces of news of this one. */
  isHeardByAll(sender: string, count: number): boolean {
    return this.running.every(
      (node) => node.id === sender || this.#checks.hasHeard(node, sender, count),
    )
  }

  /** The node of this name, if it runs. */
  node(id: string): MemberNode | undefined {
    const node = this.#nodes.get(id)
    return node?.process.isRunning === true ? node : undefined
  }

  start(host: string, { isLiar, ...options }: StartOptions): void {
    const rules = isLiar ? lies : this.#rules
    this.#options.set(host, { ...options, nodeId: host, options: this.#membership, rules })
    this.simulation.start(host)
  }

  /** The process on a host is killed, and another node starts there at once. */
  replace(name: string, nodeId: string): void {
    const options = this.#options.get(name)
    if (options === undefined) throw new Error(`${name} was never started`)
    const host = this.simulation.host(name)
    host.crash()
    host.disk.wipe()
    this.#options.set(name, { ...options, nodeId })
    this.simulation.restart(host)
  }

  /** A fault touches these, and excuses their deaths or not; null: until it is healed. */
  hurt(touched: readonly string[], excused: readonly string[], forMs: number | null): void {
    this.#excuses.touch(touched, this.nowMs, forMs)
    this.#excuses.grant(excused, this.nowMs, forMs)
    this.measurements.hurts(this.nowMs, excused)
  }

  /** Every fault ends. */
  heal(): void {
    const isRemovedAt = (subject: string, observer: string): boolean =>
      this.beliefs.of(observer, subject).state === 'failed'
    const ids = this.running.map(({ id }) => id)
    this.measurements.heals(ids, isRemovedAt)
    this.simulation.heal()
    this.discoveryWorks = true
    this.#excuses.expire(this.nowMs)
  }

  /** Why it has not converged, in words. */
  differences(): string[] {
    const waiting = [...this.#unformed].slice(0, 3).map((id) => `${id} is in no cluster yet`)
    return [...waiting, ...this.beliefs.differences(5)]
  }

  discover(seeds: readonly string[]): readonly string[] {
    return this.discoveryWorks ? seeds : []
  }

  sent(node: MemberNode, bytes: number): void {
    this.measurements.sent(this.nowMs, node.id, bytes)
    this.#checks.sent(node, bytes)
  }

  received({ id }: MemberNode, bytes: number): void {
    this.measurements.received(this.nowMs, id, bytes)
  }

  published(_: MemberNode, size: number): void {
    this.measurements.published(size)
  }

  heard(node: MemberNode, event: UserEvent): void {
    this.#checks.heard(node, event)
  }

  formed({ id }: MemberNode): void {
    this.#unformed.delete(id)
  }

  conflicted(node: MemberNode): void {
    this.#checks.conflicted(node)
  }

  changed(node: MemberNode, change: MemberChange): void {
    const { trace } = this.simulation
    trace.text(change.kind)
    trace.text(node.id)
    trace.text(change.member.nodeId)
    this.#checks.changed(node, change)
  }

  #run(process: SimulatedProcess): void {
    const { host, boot } = process
    const options = this.#options.get(host)
    if (options === undefined) throw new Error(`${host} was never started`)
    const node = new MemberNode(process, options, this)
    const { id } = node
    this.#nodes.set(id, node)
    this.#nodeOn.set(host, node)
    this.#boots.set(node.core.self.bootId, { id, boot })
    this.#unformed.add(id)
    this.#checks.started(host)
    // Who is refused is to the others as somebody of another cluster.
    const isRefused = [...this.#options.values()].some(({ refuses }) => refuses.includes(id))
    this.beliefs.started(id, boot, isRefused ? `${id}, alone` : options.cluster)
    if (isRefused) this.#unformed.delete(id)
    node.start()
  }

  #ended(host: SimulatedHost): void {
    const node = this.#nodeOn.get(host.name)
    if (node === undefined) return
    this.#nodeOn.delete(host.name)
    this.#unformed.delete(node.id)
    this.beliefs.ended(node.id)
    this.measurements.ended(node.id)
    if (node.core.self.state === 'left') return
    const observers = this.#observersOf(node)
    this.measurements.crashed(this.nowMs, node.id, node.process.boot, observers)
  }

  /** Who believed in a node when its process ended. */
  #observersOf({ id, process }: MemberNode): string[] {
    const isPresent = (observer: string): boolean => {
      const { state, boot } = this.beliefs.of(observer, id)
      return boot === process.boot && ['alive', 'suspect', 'draining'].includes(state)
    }
    return this.running.flatMap((node) => (node.id !== id && isPresent(node.id) ? [node.id] : []))
  }
}

/** What a node says of itself, to be compared. */
function described({ tags, applications, incarnation }: Member): string {
  return JSON.stringify([Object.entries(tags).sort(), applications, incarnation])
}
