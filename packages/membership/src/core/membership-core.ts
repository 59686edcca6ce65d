import type { BootId, NodeId, Random } from '@nodosum/kernel'
import type { MembershipOptions } from '../options.ts'
import { packetVersions } from '../wire/limits.ts'
import type { MetadataEntry, ProtocolRange } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import { AntiEntropy } from './anti-entropy.ts'
import { Beliefs } from './beliefs.ts'
import { estimateRttMs } from './coordinates.ts'
import type { MembershipCounters } from './counters.ts'
import type {
  Admission,
  Effect,
  Formation,
  KeptOut,
  MembershipSnapshot,
  PacketAddress,
} from './effects.ts'
import { Entry } from './entry.ts'
import { FailureDetector } from './failure-detector.ts'
import { Forming } from './forming.ts'
import { Gossip } from './gossip.ts'
import type { Member, MemberAddress } from './member.ts'
import { NodeState } from './node-state.ts'
import { OwnRecord } from './own-record.ts'
import { PublishedView } from './published-view.ts'
import { Receiver } from './receiver.ts'
import { type ProtocolRules, protocolRules } from './rules.ts'
import { Suspicions } from './suspicions.ts'
import type { Timer } from './timers.ts'
import { checkEvent } from './user-events.ts'
import { ViewPublisher } from './view.ts'

/** What a core is made of; everything that it will ever know of the outside. */
export interface MembershipCoreOptions {
  readonly cluster: string
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly addresses: readonly MemberAddress[]
  readonly tags: Readonly<Record<string, string>>
  readonly formation: Formation
  readonly options: MembershipOptions
  readonly random: Random
  readonly nowMs: number
  /** Who must not take part; everybody may unless told. */
  readonly admit?: Admission
  /** The versions of the packets that are spoken; default all that this code knows. */
  readonly protocol?: ProtocolRange
}

/**
 * SWIM (Das, Gupta, Motivala, 2002) with Lifeguard and anti-entropy: who is in the cluster, as one
 * node sees it. Bytes and time in, effects out.
 *
 * After each input: `poll` until it is empty, then call `tick` no earlier than `nextDeadlineMs`.
 * A tick that is late, doubled or early does no harm. After a pause of the process hand over the
 * packets that waited before the tick.
 */
export class MembershipCore {
  #closed = false
  #views = 0
  #eventSequence = 0
  readonly #state: NodeState
  readonly #own: OwnRecord
  readonly #beliefs: Beliefs
  readonly #suspicions: Suspicions
  readonly #detector: FailureDetector
  readonly #antiEntropy: AntiEntropy
  readonly #gossip: Gossip
  readonly #view: ViewPublisher
  readonly #formation: Forming
  readonly #receiver: Receiver
  readonly #persistTimer: Timer
  #persistedMs = Number.NEGATIVE_INFINITY

  /** @param rules what a simulation may break on purpose; the published entry does not offer it */
  constructor(options: MembershipCoreOptions, rules: ProtocolRules = protocolRules) {
    const { random, nowMs } = options
    const protocol = options.protocol ?? packetVersions
    const self = new Entry({
      kind: 'record',
      nodeId: options.nodeId,
      bootId: options.bootId,
      epoch: 1,
      counter: 0,
      state: 'alive',
      protocol,
      addresses: options.addresses,
      metadataVersion: 0,
      metadata: { from: 0, to: 0, entries: [] },
      extension: new Uint8Array(0),
    })
    self.metadata = self.metadata.changed('tag', Object.entries(options.tags))
    const admit = options.admit ?? ((): null => null)
    const state = new NodeState({ ...options, protocol, admit, self, rules })
    this.#state = state
    this.#own = new OwnRecord(state)
    this.#suspicions = new Suspicions(state)
    this.#view = new ViewPublisher({
      timers: state.timers,
      options: options.options,
      others: () => state.table.present.length,
      publish: (atMs) => this.#publish(atMs),
    })
    this.#beliefs = new Beliefs(state, this.#suspicions, this.#view)
    const streams = { probes: random.stream('probes'), coordinates: random.stream('coordinates') }
    this.#detector = new FailureDetector(state, this.#beliefs, streams)
    this.#antiEntropy = new AntiEntropy(state, random.stream('sync'))
    this.#gossip = new Gossip(state)
    this.#formation = new Forming(state, options.formation, nowMs, this.#own)
    this.#receiver = new Receiver({
      state,
      own: this.#own,
      beliefs: this.#beliefs,
      detector: this.#detector,
      antiEntropy: this.#antiEntropy,
      forming: this.#formation,
    })
    this.#persistTimer = state.timers.create((atMs) => this.#persist(atMs))
    this.#connect()
    this.#detector.start(nowMs)
    this.#gossip.start(nowMs)
    state.tellRecord(self, 'refutation')
  }

  get self(): Member {
    return this.#state.self.member
  }

  /** Whether this node belongs to a cluster. */
  get isFormed(): boolean {
    return this.#state.outbox.formed
  }

  get counters(): Readonly<MembershipCounters> {
    return this.#state.counters
  }

  /** Lifeguard's score: 0 is healthy, 7 the worst. */
  get localHealth(): number {
    return this.#state.health.score
  }

  /** Stands for the whole view: two nodes with equal digests have equal views. */
  get digest(): number {
    return this.#state.table.digest.root
  }

  /** What waits to be told, and how many are under suspicion: both are bounded. */
  get backlog(): { readonly news: number; readonly suspects: number } {
    return { news: this.#state.news.size, suspects: this.#suspicions.size }
  }

  /** Self first, then everybody that is remembered. */
  members(): Member[] {
    const members = [this.self]
    for (const entry of this.#state.table.all()) members.push(entry.member)
    return members
  }

  member(nodeId: string): Member | undefined {
    if (nodeId === this.#state.self.nodeId) return this.self
    return this.#state.table.get(nodeId as NodeId)?.member
  }

  /** The estimated round trip to a member; undefined when nothing of it was measured. */
  rttMs(nodeId: string): number | undefined {
    if (nodeId === this.#state.self.nodeId) return 0
    const coordinate = this.#state.table.get(nodeId as NodeId)?.coordinate
    if (coordinate === null || coordinate === undefined) return undefined
    return estimateRttMs(this.#detector.coordinates.own, coordinate)
  }

  /** Why a process must have no connection with this node; null when it may. */
  keptOut(nodeId: NodeId, bootId: BootId | null): KeptOut | null {
    return this.#state.keptOut(nodeId, bootId)
  }

  poll(): Effect | undefined {
    return this.#state.outbox.effects.poll()
  }

  /** When `tick` wants to be called. */
  nextDeadlineMs(): number {
    return this.#closed ? Number.POSITIVE_INFINITY : this.#state.timers.nextMs()
  }

  tick(nowMs: number): void {
    if (this.#closed) return
    const { rules, timers, counters, health } = this.#state
    const latenessMs = nowMs - timers.nextMs()
    if (rules.isStall(latenessMs)) {
      counters.stalls += 1
      health.stalled(latenessMs)
      this.#detector.forgive(nowMs)
      this.#suspicions.extend(nowMs, latenessMs)
    }
    timers.run(nowMs)
    this.#gossip.arm(nowMs)
  }

  /** Asks these addresses who is there; once formed only those where no member is known to be. */
  join(nowMs: number, addresses: readonly PacketAddress[]): void {
    if (this.#closed) return
    const { outbox, protocol, self } = this.#state
    for (const address of addresses) {
      if (outbox.formed && this.#isMemberAt(address)) continue
      outbox.send(address, { kind: 'join', protocol }, [self.record])
    }
    this.#formation.consider(nowMs)
  }

  /** Replaces all tags; only what changed is told. */
  setTags(nowMs: number, tags: Readonly<Record<string, string>>): void {
    this.#describe(nowMs, 'tag', new Map(Object.entries(tags)))
  }

  /** Replaces the list of applications; only what changed is told. */
  setApplications(nowMs: number, applications: readonly string[]): void {
    this.#describe(nowMs, 'application', new Map(applications.map((id) => [id, ''])))
  }

  /**
   * Tells all members, in the order of the calls; best effort, each at most once.
   *
   * @throws ERR_NODOSUM_MESSAGE_TOO_LARGE for a name above 64 or a payload above 512 bytes
   */
  emit(nowMs: number, name: string, payload: Uint8Array): void {
    checkEvent(name, payload)
    if (this.#closed) return
    const { self, news, counters } = this.#state
    this.#eventSequence += 1
    counters.eventsSent += 1
    const sequence = this.#eventSequence
    const { nodeId, bootTag } = self
    const event = { kind: 'event', nodeId, bootTag, sequence, name, payload } as const
    news.tell(nodeId, `event ${sequence}`, 'event', encodeStatement(event))
    this.#gossip.arm(nowMs)
  }

  /** Says that this node takes no new work and will leave. */
  drain(nowMs: number): void {
    if (this.#closed) return
    this.#own.say(nowMs, 'draining', 'refutation')
    this.#gossip.arm(nowMs)
  }

  /** Says goodbye; nothing is sent afterwards. */
  leave(nowMs: number): void {
    if (this.#closed) return
    this.#own.say(nowMs, 'left', 'refutation')
    this.#gossip.farewell()
    this.#detector.stop()
    this.#state.persist()
    this.#closed = true
  }

  /** Authenticated bytes of this member arrived on a connection just now. */
  linkActivity(nowMs: number, peer: string): void {
    const entry = this.#state.table.get(peer as NodeId)
    if (entry !== undefined) entry.linkActiveMs = nowMs
  }

  /** How long the event loop held things back lately. */
  loopDelayed(delayMs: number): void {
    this.#state.health.loopDelayed(delayMs)
  }

  /** What an earlier start of this node kept; also while running, since reading takes a while. */
  restored(nowMs: number, snapshot: MembershipSnapshot): void {
    if (this.#closed) return
    this.#own.restore(nowMs, snapshot.epoch)
    this.join(nowMs, snapshot.peers)
  }

  handlePacket(nowMs: number, from: PacketAddress, bytes: Uint8Array): void {
    if (this.#closed) return
    this.#receiver.receive(nowMs, from, bytes)
    this.#gossip.arm(nowMs)
  }

  #connect(): void {
    this.#own.onSettled = (nowMs) => this.#formation.consider(nowMs)
    this.#beliefs.onArrived = (nowMs, entry) => {
      this.#detector.cycle.add(entry)
      this.#formation.consider(nowMs)
    }
    this.#beliefs.onSuspected = (nowMs, entry) => this.#detector.confirm(nowMs, entry)
    this.#suspicions.onLingering = (nowMs, entry) => {
      this.#detector.look(nowMs, entry)
      this.#antiEntropy.ask(entry)
    }
    this.#beliefs.onContested = (nowMs, entry) => this.#detector.look(nowMs, entry)
    this.#beliefs.onFlood = (nowMs) => this.#antiEntropy.hurry(nowMs)
    this.#beliefs.onRefused = (source, code, reason) => {
      if (source.isRefused) return
      source.isRefused = true
      const { outbox, protocol } = this.#state
      outbox.sendAll(source.address, { kind: 'refusal', code, protocol, reason }, [], 1)
    }
    this.#antiEntropy.onDisputed = (entry) => this.#detector.ask(entry)
    this.#antiEntropy.onAgreed = (nowMs, nodeId) => this.#view.agreedWith(nowMs, nodeId)
    this.#formation.onFormed = (nowMs) => {
      this.#antiEntropy.hurry(nowMs)
      this.#view.changed(nowMs)
    }
  }

  #describe(nowMs: number, kind: MetadataEntry['kind'], values: ReadonlyMap<string, string>): void {
    if (this.#closed) return
    const { self } = this.#state
    const removed = self.metadata.entries
      .filter((entry) => entry.kind === kind && !values.has(entry.key))
      .map(({ key }) => [key, null] as const)
    this.#own.describe(nowMs, self.metadata.changed(kind, [...removed, ...values]))
    this.#gossip.arm(nowMs)
  }

  #isMemberAt(address: PacketAddress): boolean {
    const isThere = ({ host, udpPort }: MemberAddress): boolean =>
      host === address.host && udpPort === address.port
    const { self, table } = this.#state
    return [self, ...table.present].some(({ addresses }) => addresses.some(isThere))
  }

  #publish(nowMs: number): void {
    if (!this.isFormed) return
    this.#views += 1
    this.#state.push({ kind: 'view', view: new PublishedView(this.#views, this.#state) })
    const dueMs = this.#persistedMs + persistPeriodMs
    if (nowMs >= dueMs) this.#persist(nowMs)
    else if (!this.#persistTimer.isSet) this.#persistTimer.set(dueMs)
  }

  #persist(nowMs: number): void {
    this.#persistedMs = nowMs
    this.#state.persist()
  }
}

/** Where others are is kept this often at most, and no later than so after it has changed. */
const persistPeriodMs = 60_000
