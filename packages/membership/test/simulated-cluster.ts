import {
  type NodeId,
  newBootId,
  parseNodeId,
  type Random,
  seededRandom,
  type TimerHandle,
} from '@nodosum/kernel'
import {
  type LinkQuality,
  type SimulatedNetwork,
  type SimulatedPort,
  type SimulatedScheduler,
  simulatedNetwork,
  simulatedScheduler,
} from '@nodosum/testkit'
import type {
  Admission,
  Formation,
  MembershipSnapshot,
  MembershipView,
  Refusal,
} from '../src/core/effects.ts'
import type { MemberChange, MemberState } from '../src/core/member.ts'
import { MembershipCore } from '../src/core/membership-core.ts'
import type { UserEvent } from '../src/core/user-events.ts'
import { type MembershipOptions, membershipOptions } from '../src/options.ts'

export interface SimulatedNodeOptions {
  readonly formation?: Partial<Formation>
  readonly cluster?: string
  readonly options?: Partial<MembershipOptions>
  readonly tags?: Record<string, string>
  readonly host?: string
  readonly admit?: Admission
  readonly protocol?: { readonly min: number; readonly max: number }
}

const port = 7_000

/** Nodes that run the production core on a simulated network; the first one is everybody's seed. */
export class SimulatedCluster {
  readonly scheduler: SimulatedScheduler = simulatedScheduler()
  readonly network: SimulatedNetwork
  readonly random: Random
  readonly nodes: Map<string, SimulatedNode> = new Map()
  /** From then on discovery finds nobody. */
  seedsAreGone = false

  constructor(seed: string, quality: Partial<LinkQuality> = { delayMs: 1, jitterMs: 4 }) {
    this.random = seededRandom(seed)
    const { scheduler } = this
    this.network = simulatedNetwork({ scheduler, random: this.random.stream('network'), quality })
  }

  start(id: string, options: SimulatedNodeOptions = {}): SimulatedNode {
    const node = new SimulatedNode(this, parseNodeId(id), options)
    this.nodes.set(id, node)
    node.start()
    return node
  }

  /** Starts `n0` to `n<count - 1>`; the first forms the cluster by itself. */
  startMany(count: number): SimulatedNode[] {
    return Array.from({ length: count }, (_, index) =>
      this.start(`n${index}`, { formation: { alone: index === 0 } }),
    )
  }

  get living(): SimulatedNode[] {
    return [...this.nodes.values()].filter((node) => node.isRunning)
  }

  /** Whether every living node believes exactly the living ones to be alive. */
  get agrees(): boolean {
    const ids = this.living.map(({ id }) => id).sort()
    return this.living.every((node) => node.idsIn('alive').join() === ids.join())
  }

  seeds(): { host: string; port: number }[] {
    if (this.seedsAreGone) return []
    return [...this.nodes.values()].slice(0, 3).map(({ host }) => ({ host, port }))
  }
}

/** A driver of the core for simulated time, as small as the real one is in essence. */
export class SimulatedNode {
  readonly id: NodeId
  readonly host: string
  readonly core: MembershipCore
  readonly changes: MemberChange[] = []
  readonly views: MembershipView[] = []
  readonly events: UserEvent[] = []
  readonly refusals: Refusal[] = []
  snapshot: MembershipSnapshot | null = null
  isRunning = true
  isFormed = false
  hasConflict = false
  #pausedUntilMs = 0
  #timer: TimerHandle | null = null
  readonly #lateTimers: (() => void)[] = []
  readonly #latePackets: (() => void)[] = []
  readonly #cluster: SimulatedCluster
  readonly #port: SimulatedPort

  constructor(cluster: SimulatedCluster, id: NodeId, options: SimulatedNodeOptions) {
    this.id = id
    this.host = options.host ?? id
    this.#cluster = cluster
    const random = cluster.random.stream(`${id}/${cluster.nodes.size}/${cluster.scheduler.nowMs()}`)
    this.#port = cluster.network.attach({ host: this.host, port })
    this.core = new MembershipCore({
      cluster: options.cluster ?? 'test',
      nodeId: id,
      bootId: newBootId(random),
      addresses: [{ host: this.host, udpPort: port, tcpPort: 0 }],
      tags: options.tags ?? {},
      formation: { expect: null, alone: false, ...options.formation },
      options: membershipOptions.parse(options.options ?? {}),
      random,
      nowMs: cluster.scheduler.nowMs(),
      ...(options.admit === undefined ? {} : { admit: options.admit }),
      ...(options.protocol === undefined ? {} : { protocol: options.protocol }),
    })
  }

  start(): void {
    const { scheduler } = this.#cluster
    this.#port.onPacket = (bytes, from) =>
      this.#whenAwake(this.#latePackets, () =>
        this.core.handlePacket(scheduler.nowMs(), from, bytes),
      )
    this.#look()
  }

  /** What a SIGSTOP does: packets and timers wait. */
  pause(durationMs: number): void {
    const { scheduler } = this.#cluster
    this.#pausedUntilMs = scheduler.nowMs() + durationMs
    scheduler.after(durationMs, () => {
      // Node runs timers before it reads sockets.
      const due = [...this.#lateTimers.splice(0), ...this.#latePackets.splice(0)]
      for (const run of due) run()
      this.#perform()
    })
  }

  /** What a SIGKILL does. */
  kill(): void {
    this.isRunning = false
    this.#timer?.cancel()
    this.#port.detach()
  }

  leave(): void {
    this.core.leave(this.#cluster.scheduler.nowMs())
    this.#perform()
    this.kill()
  }

  /** Something was asked of the core from outside. */
  act(run: (core: MembershipCore) => void): void {
    run(this.core)
    this.#perform()
  }

  idsIn(...states: readonly MemberState[]): string[] {
    const members = this.core.members().filter(({ state }) => states.includes(state))
    return members.map(({ nodeId }) => nodeId).sort()
  }

  stateOf(id: string): MemberState | undefined {
    return this.core.members().find(({ nodeId }) => nodeId === id)?.state
  }

  kindsOf(id: string): string[] {
    return this.changes.filter(({ member }) => member.nodeId === id).map(({ kind }) => kind)
  }

  #look(): void {
    if (!this.isRunning) return
    this.#whenAwake(this.#lateTimers, () =>
      this.core.join(this.#cluster.scheduler.nowMs(), this.#cluster.seeds()),
    )
    const isAlone = this.core.members().length === 1 || !this.core.isFormed
    this.#cluster.scheduler.after(isAlone ? 1_000 : 10_000, () => this.#look())
  }

  #whenAwake(late: (() => void)[], run: () => void): void {
    if (!this.isRunning) return
    if (this.#cluster.scheduler.nowMs() < this.#pausedUntilMs) {
      late.push(run)
      return
    }
    run()
    this.#perform()
  }

  #perform(): void {
    if (!this.isRunning) return
    for (let effect = this.core.poll(); effect !== undefined; effect = this.core.poll()) {
      if (effect.kind === 'send') this.#port.send(effect.bytes, effect.to)
      else if (effect.kind === 'change') this.changes.push(effect.change)
      else if (effect.kind === 'formed') this.isFormed = true
      else if (effect.kind === 'conflict') this.hasConflict = true
      else if (effect.kind === 'view') this.views.push(effect.view)
      else if (effect.kind === 'event') this.events.push(effect.event)
      else if (effect.kind === 'persist') this.snapshot = effect.snapshot
      else this.refusals.push(effect.refusal)
    }
    this.#timer?.cancel()
    const { scheduler } = this.#cluster
    const deadlineMs = this.core.nextDeadlineMs()
    if (!Number.isFinite(deadlineMs)) return
    const delayMs = Math.max(1, deadlineMs - scheduler.nowMs())
    this.#timer = scheduler.after(delayMs, () =>
      this.#whenAwake(this.#lateTimers, () => this.core.tick(scheduler.nowMs())),
    )
  }
}
