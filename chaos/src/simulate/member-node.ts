import {
  newBootId,
  parseNodeId,
  type TimerHandle,
  unreachable,
  utf8Decode,
  utf8Encode,
} from '@nodosum/kernel'
import type {
  Effect,
  Formation,
  MemberChange,
  MembershipOptions,
  MembershipSnapshot,
  UserEvent,
} from '@nodosum/membership'
import type { SimulatedPort, SimulatedProcess } from '@nodosum/testkit'
import { MembershipCore } from '../../../packages/membership/src/core/membership-core.ts'
import type { ProtocolRules } from '../../../packages/membership/src/core/rules.ts'

/** What a node of the simulation is started with. */
export interface MemberNodeOptions {
  readonly cluster: string
  readonly formation: Formation
  readonly seeds: readonly string[]
  readonly options: MembershipOptions
  /** Nodes that this one does not take in. */
  readonly refuses: readonly string[]
  /** How often it sends something to everybody it knows on connections; null: never. */
  readonly trafficEveryMs: number | null
  /** Wrong rules, to see that somebody notices; undefined for the real ones. */
  readonly rules: ProtocolRules | undefined
  /** Its name; the host's unless another node has taken that host over. */
  readonly nodeId: string
  /** The versions of packets that it speaks; undefined for all that there are. */
  readonly speaks: { readonly min: number; readonly max: number } | undefined
}

/** What a node tells the simulation that it runs in. */
export interface MemberNodeEvents {
  /** What discovery finds of these. */
  discover(seeds: readonly string[]): readonly string[]
  sent(node: MemberNode, bytes: number): void
  received(node: MemberNode, bytes: number): void
  changed(node: MemberNode, change: MemberChange): void
  published(node: MemberNode, size: number): void
  heard(node: MemberNode, event: UserEvent): void
  formed(node: MemberNode): void
  conflicted(node: MemberNode): void
}

const gossipPort = 7_000
/** Connections: what arrives here is authenticated, and says that its sender lives. */
const trafficPort = 7_001
/** How often the delay of the event loop is looked at. */
const loopDelayEveryMs = 1_000
const snapshotFile = 'membership.json'
/** What sealing adds to a packet: version, key id, sender, boot, counter, tag. */
const sealBytes = 45

/** Runs the production core in one simulated process, as the driver does on a real one. */
export class MemberNode {
  readonly core: MembershipCore
  readonly process: SimulatedProcess
  readonly cluster: string
  readonly id: string
  readonly #port: SimulatedPort
  readonly #traffic: SimulatedPort
  readonly #events: MemberNodeEvents
  readonly #options: MemberNodeOptions
  #knowsOthers = false
  #timer: TimerHandle | null = null
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(process: SimulatedProcess, options: MemberNodeOptions, events: MemberNodeEvents) {
    this.process = process
    this.cluster = options.cluster
    this.id = options.nodeId
    this.#options = options
    this.#events = events
    this.#port = process.attach(gossipPort)
    this.#traffic = process.attach(trafficPort)
    const { refuses, speaks } = options
    const core = {
      cluster: options.cluster,
      nodeId: parseNodeId(options.nodeId),
      bootId: newBootId(process.random.stream('boot id')),
      addresses: [{ host: process.host, udpPort: gossipPort, tcpPort: 0 }],
      tags: {},
      formation: options.formation,
      options: options.options,
      random: process.random,
      nowMs: process.scheduler.nowMs(),
      ...(speaks !== undefined && { protocol: speaks }),
      admit: ({ nodeId }: { nodeId: string }) => (refuses.includes(nodeId) ? 'not welcome' : null),
    }
    this.core = new MembershipCore(core, options.rules)
  }

  /** Apart from the constructor, so that whoever hears the events knows the node already. */
  start(): void {
    this.#port.onPacket = (bytes, from) => {
      this.#events.received(this, bytes.length + sealBytes)
      this.act((core, nowMs) => core.handlePacket(nowMs, from, bytes))
    }
    this.#traffic.onPacket = (id) =>
      this.act((core, nowMs) => core.linkActivity(nowMs, utf8Decode(id) ?? ''))
    this.#restore()
    this.#look()
    this.#watchLoop()
    if (this.#options.trafficEveryMs !== null) this.#talk(this.#options.trafficEveryMs)
  }

  /** Something is asked of the core from outside. */
  act(run: (core: MembershipCore, nowMs: number) => void): void {
    run(this.core, this.process.scheduler.nowMs())
    this.#perform()
  }

  /** Whether it does not take another in. */
  refuses(id: string): boolean {
    return this.#options.refuses.includes(id)
  }

  /** Says goodbye and ends. */
  leave(): void {
    this.act((core, nowMs) => core.leave(nowMs))
    this.process.exit()
  }

  #perform(): void {
    for (let effect = this.core.poll(); effect !== undefined; effect = this.core.poll()) {
      if (!this.process.isRunning) return
      this.#one(effect)
    }
    if (this.process.isRunning) this.#arm()
  }

  #one(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#events.sent(this, effect.bytes.length + sealBytes)
        return this.#port.send(effect.bytes, effect.to)
      case 'change':
        this.#knowsOthers = true
        return this.#events.changed(this, effect.change)
      case 'view':
        return this.#events.published(this, effect.view.members.length)
      case 'event':
        return this.#events.heard(this, effect.event)
      case 'persist':
        return this.#persist(effect.snapshot)
      case 'formed':
        return this.#events.formed(this)
      case 'conflict':
        // As the facade does: a node whose id is taken ends.
        this.#events.conflicted(this)
        return this.process.exit()
      case 'refused':
        return
      default:
        unreachable(effect)
    }
  }

  /** A timer that is early enough stays: most packets do not bring the deadline forward. */
  #arm(): void {
    const atMs = this.core.nextDeadlineMs()
    if (atMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    const delayMs = Math.max(1, atMs - this.process.scheduler.nowMs())
    this.#timer = this.process.scheduler.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      const isDue = this.core.nextDeadlineMs() <= this.process.scheduler.nowMs()
      if (isDue) this.core.tick(this.process.scheduler.nowMs())
      this.#perform()
    })
  }

  #look(): void {
    const { options } = this.#options
    const { random, scheduler } = this.process
    const addresses = this.#events
      .discover(this.#options.seeds)
      .map((host) => ({ host, port: gossipPort }))
    this.act((core, nowMs) => core.join(nowMs, random.shuffle(addresses).slice(0, 3)))
    const isAlone = !this.core.isFormed || !this.#knowsOthers
    const periodMs = isAlone ? options.joinRetryMs : options.syncPeriodMs
    scheduler.after(periodMs * (0.5 + random.float()), () => this.#look())
  }

  #watchLoop(): void {
    const { scheduler } = this.process
    const dueMs = scheduler.nowMs() + loopDelayEveryMs
    scheduler.after(loopDelayEveryMs, () => {
      this.act((core, nowMs) => core.loopDelayed(nowMs - dueMs))
      this.#watchLoop()
    })
  }

  #talk(everyMs: number): void {
    for (const { nodeId, state, addresses } of this.core.members()) {
      const host = addresses[0]?.host
      if (nodeId === this.id || state === 'failed' || state === 'left' || host === undefined)
        continue
      this.#traffic.send(utf8Encode(this.id), { host, port: trafficPort })
    }
    this.process.scheduler.after(everyMs, () => this.#talk(everyMs))
  }

  #persist(snapshot: MembershipSnapshot): void {
    const bytes = utf8Encode(JSON.stringify(snapshot))
    this.process.files.write(snapshotFile, bytes)
  }

  #restore(): void {
    const bytes = this.process.files.read(snapshotFile)
    const text = bytes === undefined ? undefined : utf8Decode(bytes)
    if (text === undefined) return
    const snapshot = JSON.parse(text) as MembershipSnapshot
    this.act((core, nowMs) => core.restored(nowMs, snapshot))
  }
}
