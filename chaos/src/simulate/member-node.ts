import { newBootId, parseNodeId, type TimerHandle } from '@nodosum/kernel'
import {
  type Effect,
  type Formation,
  type MemberChange,
  MembershipCore,
  type MembershipOptions,
} from '@nodosum/membership'
import type { SimulatedPort, SimulatedProcess } from '@nodosum/testkit'

/** What a node of the simulation is started with. */
export interface MemberNodeOptions {
  readonly cluster: string
  readonly formation: Formation
  readonly seeds: readonly string[]
  readonly options: MembershipOptions
}

/** What a node tells the simulation that it runs in. */
export interface MemberNodeEvents {
  sent(host: string, bytes: number): void
  received(host: string, bytes: number): void
  changed(node: MemberNode, change: MemberChange): void
  formed(node: MemberNode): void
  conflicted(node: MemberNode): void
}

const gossipPort = 7_000
/** What sealing adds to a packet: version, key id, sender, boot, counter, tag. */
const sealBytes = 49

/** Runs the production core in one simulated process, as the driver does on a real one. */
export class MemberNode {
  readonly core: MembershipCore
  isFormed = false
  readonly process: SimulatedProcess
  readonly cluster: string
  readonly #port: SimulatedPort
  readonly #events: MemberNodeEvents
  readonly #options: MemberNodeOptions
  #timer: TimerHandle | null = null
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(process: SimulatedProcess, options: MemberNodeOptions, events: MemberNodeEvents) {
    this.process = process
    this.cluster = options.cluster
    this.#options = options
    this.#events = events
    this.#port = process.attach(gossipPort)
    this.core = new MembershipCore({
      cluster: options.cluster,
      nodeId: parseNodeId(process.host),
      bootId: newBootId(process.random.stream('boot id')),
      addresses: [{ host: process.host, udpPort: gossipPort, tcpPort: 0 }],
      tags: {},
      formation: options.formation,
      options: options.options,
      random: process.random,
      nowMs: process.scheduler.nowMs(),
    })
  }

  /** Apart from the constructor, so that whoever hears the events knows the node already. */
  start(): void {
    this.#port.onPacket = (bytes, from) => {
      this.#events.received(this.process.host, bytes.length + sealBytes)
      this.act((core, nowMs) => core.handlePacket(nowMs, from, bytes))
    }
    this.#look()
  }

  /** Something is asked of the core from outside. */
  act(run: (core: MembershipCore, nowMs: number) => void): void {
    run(this.core, this.process.scheduler.nowMs())
    this.#perform()
  }

  /** Says goodbye and ends. */
  leave(): void {
    this.act((core) => core.leave())
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
        this.#events.sent(this.process.host, effect.bytes.length + sealBytes)
        return this.#port.send(effect.bytes, effect.to)
      case 'change':
        return this.#events.changed(this, effect.change)
      case 'formed':
        this.isFormed = true
        return this.#events.formed(this)
      case 'conflict':
        // As the facade does: a node whose id is taken ends.
        this.#events.conflicted(this)
        return this.process.exit()
      default:
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
    const { seeds, options } = this.#options
    const { random, scheduler } = this.process
    const addresses = seeds.map((host) => ({ host, port: gossipPort }))
    this.act((core) => core.join(random.shuffle(addresses).slice(0, 16)))
    const isAlone = this.core.members().length === 1 || !this.core.self.formed
    const periodMs = isAlone ? options.joinRetryMs : options.syncPeriodMs
    scheduler.after(periodMs * (0.5 + random.float()), () => this.#look())
  }
}
