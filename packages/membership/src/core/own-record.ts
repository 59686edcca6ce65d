import { wireLimits } from '../wire/limits.ts'
import type { RecordStatement, StateStatement } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import type { Priority } from './dissemination.ts'
import type { PacketAddress } from './effects.ts'
import { bootTagOf } from './hash.ts'
import { isEveryAddress, isGone, type MemberAddress, type MemberState } from './member.ts'
import type { Metadata } from './metadata.ts'
import type { NodeState } from './node-state.ts'
import type { Timer } from './timers.ts'

/** Another process that may be using this node's id. */
interface Rival {
  readonly bootTag: number
  readonly epoch: number
  readonly address: PacketAddress
}

/** How long a process that may be using the same id has to answer. */
const rivalAnswersWithinMs = 1_500

/** What follows from what another node says about this one. */
export type Consequence =
  | 'nothing'
  /** The other one does not know this process yet, or has missed its denial: it gets the record. */
  | 'inform'
  /** Who that other process is must be asked. */
  | 'need'
  /** Somebody with this id may live at the rival's address: ping it. */
  | 'ask'

/** What this node says about itself, and how it takes what others say about it. */
export class OwnRecord {
  /** A rival did not answer: this node may go on. */
  onSettled: (nowMs: number) => void = () => undefined
  #rival: Rival | null = null
  readonly #state: NodeState
  readonly #rivalTimer: Timer

  constructor(state: NodeState) {
    this.#state = state
    this.#rivalTimer = state.timers.create((nowMs) => this.#settle(nowMs))
  }

  get rival(): Rival | null {
    return this.#rival
  }

  /** A new statement of this node about itself. */
  say(nowMs: number, state: MemberState, priority: Priority, above?: number): void {
    const { self, table } = this.#state
    const counter = above ?? self.counter + 1
    if (counter >= wireLimits.incarnation) return this.#exceed(nowMs, self.epoch)
    table.change(self, nowMs, () => {
      self.counter = counter
      self.state = state
    })
    this.#state.tellState(self, priority)
  }

  /** Tags or applications have changed: what is new is told. */
  describe(nowMs: number, metadata: Metadata): void {
    const { self, table, news } = this.#state
    const before = self.metadata
    if (metadata === before) return
    table.change(self, nowMs, () => {
      self.metadata = metadata
    })
    const run = metadata.after(before.version)
    const statement = { kind: 'metadata', nodeId: self.nodeId, bootTag: self.bootTag } as const
    news.tell(self.nodeId, 'metadata', 'metadata', encodeStatement({ ...statement, ...run }))
  }

  /** What another node believes about this id. */
  learn(nowMs: number, statement: RecordStatement | StateStatement): Consequence {
    const { self, rules } = this.#state
    const bootTag = statement.kind === 'record' ? bootTagOf(statement.bootId) : statement.bootTag
    if (bootTag === self.bootTag) {
      if (statement.kind === 'record') this.#adopt(nowMs, statement.addresses)
      return this.#deny(nowMs, statement)
    }
    const { epoch, counter, state } = statement
    if (epoch < self.epoch) return 'inform'
    if (!rules.isPlausible({ bootTag, epoch, counter, state }, self)) {
      this.#state.counters.implausible += 1
      return 'nothing'
    }
    if (isGone(state)) {
      this.#exceed(nowMs, epoch)
      return 'nothing'
    }
    if (statement.kind === 'state') return 'need'
    return this.#meet(nowMs, statement, bootTag)
  }

  /** The process with this boot has answered a ping, or it speaks by itself. */
  rivalSpoke(bootTag: number): void {
    if (this.#rival?.bootTag !== bootTag) return
    const { address } = this.#rival
    this.#end()
    this.#state.push({ kind: 'conflict', address })
  }

  /** An epoch from before the restart: this start exceeds it. */
  restore(nowMs: number, epoch: number): void {
    if (epoch >= this.#state.self.epoch) this.#exceed(nowMs, epoch)
  }

  /** The same id with another boot: a process that died without a word, or one that lives. */
  #meet(nowMs: number, record: RecordStatement, bootTag: number): Consequence {
    const { self, outbox } = this.#state
    const [first] = record.addresses
    if (first === undefined || sameAddress(record.addresses, self.addresses)) {
      // Nobody lives there, yet others believe that process until this one exceeds it; also when
      // this one formed a cluster by itself before it heard of them.
      this.#exceed(nowMs, record.epoch)
      return 'nothing'
    }
    const address = { host: first.host, port: first.udpPort }
    if (outbox.formed) {
      // Another process has taken over while this one was away; an older one is long known.
      const replaced = record.epoch > self.epoch
      if (replaced) this.#state.push({ kind: 'conflict', address })
      return replaced ? 'nothing' : 'inform'
    }
    if (this.#rival !== null && this.#rival.epoch >= record.epoch) return 'nothing'
    this.#rival = { bootTag, epoch: record.epoch, address }
    this.#rivalTimer.set(nowMs + rivalAnswersWithinMs)
    return 'ask'
  }

  /** A rival's time is over: it is dead, and this node's epoch exceeds its own. */
  #settle(nowMs: number): void {
    if (this.#rival === null) return
    const { epoch } = this.#rival
    this.#end()
    this.#exceed(nowMs, epoch)
    this.onSettled(nowMs)
  }

  #end(): void {
    this.#rival = null
    this.#rivalTimer.cancel()
  }

  /** This node binds every address, and another one has seen at which it is reached. */
  #adopt(nowMs: number, seen: readonly MemberAddress[]): void {
    const { self, table } = this.#state
    const host = seen.find((address) => !isEveryAddress(address))?.host
    if (host === undefined || !self.addresses.some(isEveryAddress)) return
    table.change(self, nowMs, () => {
      self.addresses = self.addresses.map((own) => (isEveryAddress(own) ? { ...own, host } : own))
    })
  }

  /** Only what is at least as new as what this node says of itself needs a new denial. */
  #deny(nowMs: number, accused: RecordStatement | StateStatement): Consequence {
    const { self, rules, counters, health } = this.#state
    const standing = { ...accused, bootTag: self.bootTag }
    if (self.state === 'left' || accused.state === self.state) return 'nothing'
    if (rules.supersedes(self, standing)) return 'inform'
    if (!rules.isPlausible(standing, self)) {
      counters.implausible += 1
      return 'nothing'
    }
    counters.refutations += 1
    health.refuted()
    const counter = rules.refutationCounter(accused.counter, self.counter)
    this.say(nowMs, self.state, 'refutation', counter)
    return 'inform'
  }

  #exceed(nowMs: number, known: number): void {
    const { self, table, rules } = this.#state
    if (known < self.epoch) return
    table.change(self, nowMs, () => {
      self.epoch = rules.epochAbove(known)
      self.counter = 0
    })
    this.#state.persist()
    this.#state.tellRecord(self, 'refutation')
  }
}

/** Whether one of these addresses is one of the others. */
function sameAddress(some: readonly MemberAddress[], others: readonly MemberAddress[]): boolean {
  return some.some(({ host, udpPort }) =>
    others.some((other) => other.host === host && other.udpPort === udpPort),
  )
}
