import type { BootId } from '@nodosum/kernel'
import type { PacketAddress } from './effects.ts'
import { type Member, supersedes } from './member.ts'
import { addressOf, sameAddress } from './member-address.ts'

/** Another process that may be using this node's id: it has until then to answer. */
interface Rival {
  readonly bootId: BootId
  readonly epoch: number
  readonly untilMs: number
  readonly address: PacketAddress
}

/** How long a process that may be using the same id has to answer. */
const rivalAnswersWithinMs = 1_500

/** What follows from what another node says about this one. */
export type Consequence =
  | { readonly kind: 'nothing' }
  /** Somebody with this id may live there: ping it. */
  | { readonly kind: 'ask'; readonly address: PacketAddress }
  /** Another living process uses this id. */
  | { readonly kind: 'conflict'; readonly address: PacketAddress }

const nothing: Consequence = { kind: 'nothing' }

/** What this node says about itself, and how it takes what others say about it. */
export class OwnRecord {
  #member: Member
  #rival: Rival | null = null
  /** Once it belongs to a cluster, a node does not give way to older processes with its id. */
  #announced = false
  readonly #tell: (statement: Member) => void

  /** @param tell gets each new statement, to be spread. */
  constructor(member: Member, tell: (statement: Member) => void) {
    this.#member = member
    this.#tell = tell
  }

  get member(): Member {
    return this.#member
  }

  /** When it is clear whether another process uses this id; null while nobody asks. */
  get rivalUntilMs(): number | null {
    return this.#rival === null ? null : this.#rival.untilMs
  }

  /** A new statement of this node about itself. */
  say(what: Partial<Member>, above: number = this.#member.incarnation.counter): void {
    const incarnation = { epoch: this.#member.incarnation.epoch, counter: above + 1 }
    this.#member = { ...this.#member, ...what, incarnation }
    if (this.#member.formed) this.#announced = true
    this.#tell(this.#member)
  }

  /** What another node says about this id: about this process, or about one with another boot. */
  learn(nowMs: number, record: Member): Consequence {
    if (record.bootId === this.#member.bootId) {
      this.#deny(record)
      return nothing
    }
    const { epoch } = record.incarnation
    if (epoch < this.#member.incarnation.epoch) return nothing
    const address = addressOf(record)
    const isGone = record.state === 'failed' || record.state === 'left'
    if (isGone || address === undefined || sameAddress(address, this.#member.addresses)) {
      // Nobody lives there, yet others believe that process until this one exceeds it; also when
      // this one formed a cluster by itself before it heard of them.
      this.#exceed(epoch)
      return nothing
    }
    if (this.#announced) {
      // Another process has taken over while this one was away; an older one is long known.
      const replaced = epoch > this.#member.incarnation.epoch
      return replaced ? { kind: 'conflict', address } : nothing
    }
    if (this.#rival !== null && this.#rival.epoch >= epoch) return nothing
    // The same id with another boot: a process that died without a word, or one that lives.
    const untilMs = nowMs + rivalAnswersWithinMs
    this.#rival = { bootId: record.bootId, epoch, untilMs, address }
    return { kind: 'ask', address }
  }

  /** The process with this boot has answered a ping. */
  rivalAnswered(bootId: BootId): Consequence {
    if (this.#rival?.bootId !== bootId) return nothing
    const { address } = this.#rival
    this.#rival = null
    return { kind: 'conflict', address }
  }

  /** True when a rival's time is over: it is dead, and this node's epoch exceeds its own. */
  settleRival(nowMs: number): boolean {
    if (this.#rival === null || nowMs < this.#rival.untilMs) return false
    const { epoch } = this.#rival
    this.#rival = null
    this.#exceed(epoch)
    return true
  }

  /** Only what is at least as new as what this node says of itself needs a denial. */
  #deny(record: Member): void {
    const own = this.#member
    const { epoch, counter } = own.incarnation
    const isSame = record.incarnation.epoch === epoch && record.incarnation.counter === counter
    const isAccused = record.state !== own.state || !isSame
    if (!isAccused || supersedes(own, record) || own.state === 'left') return
    this.say({}, Math.max(record.incarnation.counter, counter))
  }

  #exceed(epoch: number): void {
    if (epoch < this.#member.incarnation.epoch) return
    this.#member = { ...this.#member, incarnation: { epoch: epoch + 1, counter: 0 } }
    this.#tell(this.#member)
  }
}
