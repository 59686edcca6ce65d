import type { Random } from '@nodosum/kernel'
import type { MembershipOptions } from '../options.ts'
import type { ProtocolRange } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import { AnsweredPings } from './answered-pings.ts'
import { type MembershipCounters, newCounters } from './counters.ts'
import { Dissemination, type Priority } from './dissemination.ts'
import type { Admission, Effect } from './effects.ts'
import type { Entry } from './entry.ts'
import { LocalHealth } from './local-health.ts'
import { MemberTable } from './member-table.ts'
import { addressOf, Outbox } from './outbox.ts'
import type { ProtocolRules } from './rules.ts'
import { Timers } from './timers.ts'

/** Arrivals that are told at once; of more, anti-entropy tells. */
const arrivalsMax = 32
/** Addresses in a snapshot. */
const peersMax = 64

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
