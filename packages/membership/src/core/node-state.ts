import { type BootId, BoundedMap, type NodeId, type Random } from '@nodosum/kernel'
import type { MembershipOptions } from '../options.ts'
import type { ProtocolRange } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import { AnsweredPings } from './answered-pings.ts'
import { type MembershipCounters, newCounters } from './counters.ts'
import { Dissemination, type Priority } from './dissemination.ts'
import type { Admission, Effect, KeptOut } from './effects.ts'
import { Entry } from './entry.ts'
import { bootTagOf } from './hash.ts'
import { LocalHealth } from './local-health.ts'
import { MemberTable } from './member-table.ts'
import { addressOf, Outbox } from './outbox.ts'
import type { ProtocolRules } from './rules.ts'
import { Timers } from './timers.ts'

/** Arrivals that are told at once; of more, anti-entropy tells. */
const arrivalsMax = 32
/** Addresses in a snapshot. */
const peersMax = 64
/** Nodes that were refused and are remembered; the one that was refused first makes room. */
const refusedMax = 256

/** What all parts of one node's membership share. */
export class NodeState {
  readonly options: MembershipOptions
  readonly rules: ProtocolRules
  readonly protocol: ProtocolRange
  readonly admit: Admission
  readonly self: Entry
  readonly table: MemberTable
  readonly news: Dissemination
  readonly outbox: Outbox
  readonly timers: Timers = new Timers()
  readonly health: LocalHealth = new LocalHealth()
  readonly answers: AnsweredPings = new AnsweredPings()
  readonly counters: MembershipCounters = newCounters()
  readonly #refused = new BoundedMap<NodeId, KeptOut & { readonly bootTag: number }>(refusedMax)
  /** Randomness by purpose, so that one more draw in one leaves the others as they were. */
  readonly random: { readonly targets: Random; readonly jitter: Random }

  constructor(options: {
    cluster: string
    options: MembershipOptions
    rules: ProtocolRules
    protocol: ProtocolRange
    admit: Admission
    self: Entry
    random: Random
  }) {
    const { rules, self } = options
    this.options = options.options
    this.rules = rules
    this.protocol = options.protocol
    this.admit = options.admit
    this.self = self
    this.table = new MemberTable(self, options.options.membersMax, rules)
    this.news = new Dissemination(options.options.newsMax)
    this.outbox = new Outbox({
      cluster: options.cluster,
      self,
      protocol: options.protocol,
      news: this.news,
      table: this.table,
      rules,
      counters: this.counters,
      answers: this.answers,
    })
    this.random = {
      targets: options.random.stream('targets'),
      jitter: options.random.stream('jitter'),
    }
  }

  /** Whether a record was taken, and if not, why. */
  judged(nodeId: NodeId, bootId: BootId, refusal: KeptOut | null): void {
    this.#refused.delete(nodeId)
    if (refusal === null) return
    if (this.#refused.isFull) this.#refused.delete(this.#refused.oldestKey() as NodeId)
    this.#refused.set(nodeId, { ...refusal, bootTag: bootTagOf(bootId) })
  }

  /** Why this process must have no connection; null when it may. */
  keptOut(nodeId: NodeId, bootId: BootId | null): KeptOut | null {
    const refused = this.#refused.get(nodeId)
    const isThis = ({ bootTag }: { readonly bootTag: number }): boolean =>
      bootId === null || bootTag === bootTagOf(bootId)
    if (refused !== undefined && isThis(refused)) return refused
    const entry = this.table.get(nodeId)
    if (entry === undefined || !isThis(entry)) {
      return bootId === null ? null : this.#strangerKeptOut(nodeId, bootId)
    }
    if (entry.heldUntilMs === 0) return null
    return { code: 'quarantine', reason: 'it failed and returned too often' }
  }

  /** All that a connection proves of a process that nobody has told of. */
  #strangerKeptOut(nodeId: NodeId, bootId: BootId): KeptOut | null {
    const stranger = new Entry({
      kind: 'record',
      nodeId,
      bootId,
      epoch: 0,
      counter: 0,
      state: 'alive',
      protocol: this.protocol,
      addresses: [],
      metadataVersion: 0,
      metadata: { from: 0, to: 0, entries: [] },
      extension: new Uint8Array(0),
    })
    const reason = this.admit(stranger.member)
    return reason === null ? null : { code: 'admission', reason }
  }

  push(effect: Effect): void {
    this.outbox.effects.push(effect)
  }

  /** Spreads what is believed of a member, without its record. */
  tellState(entry: Entry, priority: Priority): void {
    this.news.tell(entry.nodeId, 'standing', priority, encodeStatement(entry.stateStatement))
  }

  /** Spreads all of a member. False when too much is waiting already. */
  tellRecord(entry: Entry, priority: Priority): boolean {
    // Where hundreds join at once, each telling of each would cost more than comparing views.
    if (priority === 'alive' && this.news.waiting('alive') >= arrivalsMax) return false
    return this.news.tell(entry.nodeId, 'standing', priority, encodeStatement(entry.record))
  }

  /** Asks for the epoch, and where others are, to be kept. */
  persist(): void {
    const peers = this.table.present.slice(0, peersMax).flatMap((entry) => addressOf(entry) ?? [])
    const snapshot = { epoch: this.self.epoch, peers: this.self.state === 'left' ? [] : peers }
    this.push({ kind: 'persist', snapshot })
  }

  /** A little time at random, so that nodes do not act in step. */
  jittered(ms: number): number {
    return ms * (0.75 + 0.5 * this.random.jitter.float())
  }
}
