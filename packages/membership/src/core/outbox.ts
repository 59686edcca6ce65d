import type { NodeId } from '@nodosum/kernel'
import type { PacketBody } from '../wire/packet.ts'
import { PacketWriter } from '../wire/packet-codec.ts'
import type { ProtocolRange, Statement } from '../wire/statement.ts'
import type { AnsweredPings } from './answered-pings.ts'
import type { MembershipCounters } from './counters.ts'
import type { Dissemination } from './dissemination.ts'
import type { Effect, PacketAddress } from './effects.ts'
import type { Entry } from './entry.ts'
import { hashText } from './hash.ts'
import type { MemberTable } from './member-table.ts'
import type { ProtocolRules } from './rules.ts'

/** Effects wait here for `poll`, which the driver calls after each input until it is empty. */
class EffectQueue {
  #effects: Effect[] = []
  #at = 0

  push(effect: Effect): void {
    this.#effects.push(effect)
  }

  poll(): Effect | undefined {
    const effect = this.#effects[this.#at]
    if (effect === undefined) {
      this.#effects = []
      this.#at = 0
      return undefined
    }
    this.#at += 1
    return effect
  }
}

/** Whom a packet is for: a member, or an address of which nothing is known. */
export type Recipient =
  | Entry
  | (PacketAddress & { readonly version?: number; readonly isStranger?: boolean })

/** Makes packets: a body, what must be said with it, and as much news as fits. */
export class Outbox {
  readonly effects: EffectQueue = new EffectQueue()
  formed = false
  readonly #writer = new PacketWriter()
  readonly #self: Entry
  readonly #protocol: ProtocolRange
  readonly #clusterHigh: number
  readonly #clusterLow: number
  readonly #news: Dissemination
  readonly #table: MemberTable
  readonly #rules: ProtocolRules
  readonly #counters: MembershipCounters
  readonly #answers: AnsweredPings

  constructor(options: {
    cluster: string
    self: Entry
    protocol: ProtocolRange
    news: Dissemination
    table: MemberTable
    rules: ProtocolRules
    counters: MembershipCounters
    answers: AnsweredPings
  }) {
    this.#answers = options.answers
    this.#clusterHigh = hashText(options.cluster)
    this.#clusterLow = hashText(options.cluster, 0x9e3779b9)
    this.#self = options.self
    this.#protocol = options.protocol
    this.#news = options.news
    this.#table = options.table
    this.#rules = options.rules
    this.#counters = options.counters
  }

  isOwnCluster(high: number, low: number): boolean {
    return this.#rules.isSameCluster([high, low], [this.#clusterHigh, this.#clusterLow])
  }

  /** A packet with what must be said and as much news as fits; what must be said goes first. */
  send(to: Recipient, body: PacketBody, first: readonly Statement[] = []): void {
    this.#start(to, body)
    for (const statement of first) this.#writer.add(statement)
    // Who misses many answers also misses much of what is told, and others miss what it tells.
    const limit = this.#rules.retransmits(this.#table.size) * this.#answers.tries
    this.#news.take(limit, (statement) => this.#writer.add(statement))
    this.#finish(to)
  }

  /**
   * As many packets without news as the statements take, at least one.
   *
   * @returns how many statements were sent
   */
  sendAll(
    to: Recipient,
    body: PacketBody,
    statements: readonly Statement[],
    packetsMax: number,
  ): number {
    let sent = 0
    let packets = 0
    do {
      this.#start(to, body)
      while (sent < statements.length && this.#writer.add(statements[sent] as Statement)) sent += 1
      this.#finish(to)
      packets += 1
    } while (packets < packetsMax && sent < statements.length)
    return sent
  }

  #start(to: Recipient, body: PacketBody): void {
    this.#writer.start(
      {
        version: this.#versionFor(to),
        clusterHigh: this.#clusterHigh,
        clusterLow: this.#clusterLow,
        from: this.#self.nodeId as NodeId,
        fromBootTag: this.#self.bootTag,
        formed: this.formed && !isStranger(to),
      },
      body,
    )
  }

  #finish(to: Recipient): void {
    const address = 'nodeId' in to ? addressOf(to) : { host: to.host, port: to.port }
    if (address === undefined) return
    const bytes = this.#writer.finish()
    this.#counters.packetsSent += 1
    this.#counters.bytesSent += bytes.length
    this.effects.push({ kind: 'send', to: address, bytes })
  }

  /** The highest version that both speak; to strangers the highest, in packets that all can read. */
  #versionFor(to: Recipient): number {
    if (!('nodeId' in to)) return Math.min(to.version ?? this.#protocol.max, this.#protocol.max)
    return this.#rules.speaks(this.#protocol, to.protocol) ?? this.#protocol.max
  }
}

/** Who is no member here does not become one by hearing from a cluster. */
function isStranger(to: Recipient): boolean {
  return 'isStranger' in to && to.isStranger === true
}

/** Where to send packets for a member. */
export function addressOf(entry: Entry): PacketAddress | undefined {
  const first = entry.addresses[0]
  return first === undefined ? undefined : { host: first.host, port: first.udpPort }
}
