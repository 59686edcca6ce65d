import { type BootId, type NodeId, type Random, unreachable } from '@nodosum/kernel'
import type { MembershipOptions } from '../options.ts'
import {
  decodePacket,
  encodeRecord,
  type Packet,
  PacketBuilder,
  type PacketKind,
} from '../wire/packet.ts'
import { Dissemination } from './dissemination.ts'
import {
  changeKind,
  type Member,
  type MemberAddress,
  type MemberChange,
  type MemberState,
  supersedes,
} from './member.ts'
import { MemberTable } from './member-table.ts'
import { type Probe, ProbeCycle } from './probe-cycle.ts'
import { suspicionMs } from './suspicion.ts'

/** Where a packet came from or goes to. */
export interface PacketAddress {
  readonly host: string
  readonly port: number
}

/** What the driver has to do. */
export type Effect =
  | { readonly kind: 'send'; readonly to: PacketAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'change'; readonly change: MemberChange }
  /** This node belongs to a cluster from now on. */
  | { readonly kind: 'formed' }
  /** Another living process uses this node's id. */
  | { readonly kind: 'conflict'; readonly address: PacketAddress | null }

/** How a cluster may begin. */
export interface Formation {
  /** Form once so many founders see each other, this one included. */
  readonly expect: number | null
  /** Form without anybody, after one round of discovery. */
  readonly alone: boolean
}

/** Packets that were dropped, by reason. */
export interface PacketCounters {
  malformed: number
  version: number
  otherCluster: number
  fromSelf: number
}

/** Another process that may be using this node's id: it has until then to answer. */
interface Rival {
  readonly bootId: BootId
  readonly epoch: number
  readonly untilMs: number
  readonly sequence: number
  readonly address: PacketAddress
}

/** How long a process that may be using the same id has to answer. */
const rivalAnswersWithinMs = 1_500

/** Probes on behalf of others at once; one more is not done, which its asker takes for loss. */
const helpingMax = 1_024

/** A tick this late means that this process stood still, so it accuses nobody for what it missed. */
const lateMs = 500

/**
 * SWIM (Das, Gupta, Motivala, 2002) with suspicion, refutation and anti-entropy: who is in the
 * cluster, as one node sees it. Bytes and time in, effects out.
 */
export class MembershipCore {
  readonly counters: PacketCounters = { malformed: 0, version: 0, otherCluster: 0, fromSelf: 0 }
  #self: Member
  #announced = false
  #rival: Rival | null = null
  #probe: Probe | null = null
  #sequence = 0
  #nextProbeMs: number
  #nextGossipMs: number
  #nextSyncMs: number
  #aloneAtMs: number | null
  #closed = false
  /** Added to the time of every suspicion that ran while this process stood still. */
  #suspicionPausedMs = 0
  readonly #cluster: string
  readonly #options: MembershipOptions
  readonly #formation: Formation
  readonly #random: Random
  readonly #table: MemberTable
  readonly #cycle: ProbeCycle
  readonly #news: Dissemination<NodeId, Member>
  /** Probes on behalf of others that wait for an answer: own sequence to whom and theirs. */
  readonly #helping = new Map<
    number,
    { to: PacketAddress; probe: number; target: string; untilMs: number }
  >()
  /** Emptied by `poll` after each input, which adds at most a few for each member. */
  readonly #effects: Effect[] = []

  constructor(options: {
    cluster: string
    nodeId: NodeId
    bootId: BootId
    addresses: readonly MemberAddress[]
    tags: Readonly<Record<string, string>>
    formation: Formation
    options: MembershipOptions
    random: Random
    nowMs: number
  }) {
    this.#cluster = options.cluster
    this.#options = options.options
    this.#formation = options.formation
    this.#random = options.random.stream('targets')
    this.#table = new MemberTable(options.options.membersMax)
    this.#cycle = new ProbeCycle(options.random.stream('probes'))
    this.#news = new Dissemination(options.options.membersMax)
    this.#self = {
      nodeId: options.nodeId,
      bootId: options.bootId,
      incarnation: { epoch: 1, counter: 0 },
      addresses: options.addresses,
      state: 'alive',
      tags: options.tags,
      applications: [],
      formed: false,
    }
    const { nowMs } = options
    this.#nextProbeMs = nowMs + options.options.probePeriodMs
    this.#nextGossipMs = nowMs + options.options.gossipPeriodMs
    this.#nextSyncMs = nowMs + options.options.syncPeriodMs
    this.#aloneAtMs = options.formation.alone ? nowMs + options.options.joinRetryMs : null
  }

  get self(): Member {
    return this.#self
  }

  /** Self first, then everybody that is remembered. */
  members(): Member[] {
    return [this.#self, ...this.#table.all()]
  }

  poll(): Effect | undefined {
    return this.#effects.shift()
  }

  /** Asks these addresses who is there. */
  join(addresses: readonly PacketAddress[]): void {
    for (const address of addresses) this.#send('sync', address, {})
    this.#form()
  }

  setApplications(applications: readonly string[]): void {
    this.#say({ applications })
  }

  drain(): void {
    this.#say({ state: 'draining' })
  }

  /** Says goodbye to everybody; nothing is sent afterwards. */
  leave(): void {
    if (this.#closed) return
    this.#say({ state: 'left' })
    for (const member of this.#table.present()) this.#sendTo('gossip', member, {})
    this.#closed = true
  }

  handlePacket(nowMs: number, from: PacketAddress, bytes: Uint8Array): void {
    if (this.#closed) return
    const packet = decodePacket(bytes)
    if (packet === 'malformed' || packet === 'version') {
      this.counters[packet] += 1
      return
    }
    if (packet.cluster !== this.#cluster) {
      this.counters.otherCluster += 1
      return
    }
    if (packet.fromBoot === this.#self.bootId) {
      this.counters.fromSelf += 1
      return
    }
    // An unannounced restart is known by its bootId alone: only who is not us may speak as us.
    for (const record of packet.records) this.#learn(nowMs, fixAddress(record, packet, from))
    if (packet.from === this.#self.nodeId) return this.#heardRival(from, packet)
    this.#answer(nowMs, from, packet)
    this.#form()
  }

  /** When `tick` wants to be called. */
  nextDeadlineMs(): number {
    let next = Math.min(this.#nextProbeMs, this.#nextGossipMs, this.#nextSyncMs)
    if (this.#probe !== null) {
      next = Math.min(next, this.#probe.indirectAtMs ?? this.#probe.failsAtMs)
    }
    if (this.#rival !== null) next = Math.min(next, this.#rival.untilMs)
    if (this.#aloneAtMs !== null) next = Math.min(next, this.#aloneAtMs)
    return next
  }

  tick(nowMs: number): void {
    if (this.#closed) return
    const lateness = nowMs - this.nextDeadlineMs()
    if (lateness > lateMs) this.#stoodStill(nowMs, lateness)
    this.#settleRival(nowMs)
    if (this.#aloneAtMs !== null && nowMs >= this.#aloneAtMs) {
      this.#aloneAtMs = null
      if (this.#rival === null) this.#becomeFormed()
      else this.#aloneAtMs = this.#rival.untilMs + 1
    }
    this.#tickProbe(nowMs)
    this.#expireSuspects(nowMs)
    if (nowMs >= this.#nextGossipMs) {
      this.#nextGossipMs = nowMs + this.#options.gossipPeriodMs
      this.#gossip()
    }
    if (nowMs >= this.#nextSyncMs) {
      this.#nextSyncMs = nowMs + this.#options.syncPeriodMs
      this.#sync()
    }
  }

  /** Packets that waited in the socket come after this tick: give everybody their time again. */
  #stoodStill(nowMs: number, lateness: number): void {
    if (this.#probe !== null) this.#probe = null
    this.#nextProbeMs = nowMs + this.#options.probePeriodMs
    const waiting = this.#table.all().some(({ state }) => state === 'suspect')
    if (waiting) this.#suspicionPausedMs += lateness
  }

  #tickProbe(nowMs: number): void {
    const probe = this.#probe
    if (probe !== null) {
      if (probe.indirectAtMs !== null && nowMs >= probe.indirectAtMs) {
        probe.indirectAtMs = null
        this.#askOthers(probe)
      }
      if (nowMs >= probe.failsAtMs) {
        this.#probe = null
        const member = this.#table.get(probe.target)
        if (member !== undefined) this.#accuse(nowMs, member, 'suspect')
      }
    }
    if (nowMs < this.#nextProbeMs) return
    this.#nextProbeMs = nowMs + this.#options.probePeriodMs
    if (this.#probe !== null) return
    const target = this.#cycle.next(this.#table.present())
    if (target === undefined) return
    const sequence = ++this.#sequence
    const { probeTimeoutMs, probePeriodMs } = this.#options
    this.#probe = {
      target: target.nodeId,
      sequence,
      indirectAtMs: nowMs + Math.min(probeTimeoutMs, probePeriodMs),
      failsAtMs: nowMs + Math.max(probePeriodMs, 2 * probeTimeoutMs),
    }
    // A suspect hears of the suspicion with the ping, so that it can deny it at once.
    const about = target.state === 'suspect' ? [target] : []
    this.#sendTo('ping', target, { probe: sequence, about })
  }

  #askOthers(probe: Probe): void {
    const target = this.#table.get(probe.target)
    const address = target === undefined ? undefined : addressOf(target)
    if (target === undefined || address === undefined) return
    const others = this.#table
      .present()
      .filter(({ nodeId, state }) => nodeId !== probe.target && state === 'alive')
    for (const helper of this.#random.shuffle(others).slice(0, this.#options.indirectProbes)) {
      const about = { probe: probe.sequence, target: target.nodeId, targetAddress: address }
      this.#sendTo('pingRequest', helper, about)
    }
  }

  #expireSuspects(nowMs: number): void {
    const size = this.#table.present().length + 1
    const limit = suspicionMs(this.#options.suspicionMinMs, size) + this.#suspicionPausedMs
    let suspects = 0
    for (const member of this.#table.all()) {
      if (member.state !== 'suspect') continue
      if (nowMs - this.#table.sinceMs(member.nodeId) >= limit) this.#accuse(nowMs, member, 'failed')
      else suspects += 1
    }
    if (suspects === 0) this.#suspicionPausedMs = 0
    this.#table.forget(nowMs, this.#options.rememberFailedMs)
  }

  #gossip(): void {
    if (this.#news.size === 0) return
    const targets = this.#random.shuffle(this.#table.present())
    for (const member of targets.slice(0, this.#options.gossipFanout)) {
      this.#sendTo('gossip', member, {})
    }
  }

  #sync(): void {
    const member = this.#random.pick(this.#table.present())
    if (member !== undefined) this.#sendTo('sync', member, {})
    const failed = this.#random.pick(this.#table.failed())
    if (failed !== undefined) this.#sendTo('sync', failed, { about: [failed] })
  }

  #answer(nowMs: number, from: PacketAddress, packet: Packet): void {
    switch (packet.kind) {
      case 'ping':
        // An address can have a new tenant: who is not meant does not answer for another.
        if (packet.target === this.#self.nodeId) {
          this.#send('ack', from, { probe: packet.probe, about: this.#about(packet.from) })
        }
        return
      case 'ack':
        if (this.#probe?.sequence === packet.probe && this.#probe.target === packet.from) {
          this.#probe = null
        }
        this.#forwardAck(nowMs, packet)
        return
      case 'pingRequest':
        this.#probeFor(nowMs, from, packet)
        return
      case 'sync':
        this.#sendAll(from)
        return
      case 'gossip':
        return
      default:
        unreachable(packet.kind)
    }
  }

  #probeFor(nowMs: number, from: PacketAddress, packet: Packet): void {
    if (packet.targetAddress === null) return
    for (const [sequence, { untilMs }] of this.#helping) {
      if (untilMs < nowMs) this.#helping.delete(sequence)
    }
    if (this.#helping.size >= helpingMax) return
    const sequence = ++this.#sequence
    const untilMs = nowMs + 2 * this.#options.probePeriodMs
    this.#helping.set(sequence, { to: from, probe: packet.probe, target: packet.target, untilMs })
    const about = { probe: sequence, target: packet.target }
    this.#send('ping', packet.targetAddress, about)
  }

  #forwardAck(nowMs: number, packet: Packet): void {
    const helped = this.#helping.get(packet.probe)
    if (helped === undefined || helped.target !== packet.from) return
    this.#helping.delete(packet.probe)
    // In the target's name, for the prober pairs an ack with whom it probed.
    const member = this.#table.get(packet.from)
    if (member === undefined) return
    this.#push({
      kind: 'send',
      to: helped.to,
      bytes: this.#build('ack', { probe: helped.probe, about: [member] }, member).finish(),
    })
  }

  /** What the sender of a packet should hear first: that it is believed to be gone. */
  #about(nodeId: NodeId): Member[] {
    const member = this.#table.get(nodeId)
    return member !== undefined && member.state !== 'alive' ? [member] : []
  }

  #learn(nowMs: number, record: Member): void {
    if (record.nodeId === this.#self.nodeId) return this.#learnOfSelf(nowMs, record)
    const before = this.#table.get(record.nodeId)
    if (before !== undefined && !supersedes(record, before)) return
    // Nobody needs to hear of somebody it never knew and who is gone; anti-entropy would not end.
    if (before === undefined && (record.state === 'failed' || record.state === 'left')) return
    this.#put(nowMs, record, before)
  }

  #put(nowMs: number, record: Member, before: Member | undefined): void {
    if (!this.#table.put(record, nowMs)) return
    this.#news.tell(record.nodeId, record)
    const kind = changeKind(before, record)
    if (kind !== null) this.#push({ kind: 'change', change: { kind, member: record } })
  }

  #learnOfSelf(nowMs: number, record: Member): void {
    const own = this.#self
    if (record.bootId === own.bootId) {
      const accused = record.state !== own.state || !sameIncarnation(record, own)
      const current = !supersedes(own, record)
      // Only what is at least as new as what this node says of itself needs a denial.
      if (accused && current && own.state !== 'left') {
        this.#say({}, Math.max(record.incarnation.counter, own.incarnation.counter))
      }
      return
    }
    const gone = record.state === 'failed' || record.state === 'left'
    const address = addressOf(record)
    if (record.incarnation.epoch < own.incarnation.epoch) return
    if (this.#announced) {
      // Another process has taken over while this one was away; an older one is long known.
      const replaced = !gone && record.incarnation.epoch > own.incarnation.epoch
      if (replaced) this.#push({ kind: 'conflict', address: address ?? null })
      return
    }
    const reused = address !== undefined && sameAddress(address, this.#self.addresses)
    if (gone || address === undefined || reused) return this.#raiseEpoch(record.incarnation.epoch)
    if (this.#rival !== null && this.#rival.epoch >= record.incarnation.epoch) return
    // The same id with another boot: a process that died without a word, or one that lives.
    const sequence = ++this.#sequence
    const { epoch } = record.incarnation
    const untilMs = nowMs + rivalAnswersWithinMs
    this.#rival = { bootId: record.bootId, epoch, untilMs, sequence, address }
    this.#send('ping', address, { probe: sequence, target: own.nodeId })
  }

  /** A packet of another process with this node's id, which is asked or asks whether it lives. */
  #heardRival(from: PacketAddress, packet: Packet): void {
    if (packet.kind === 'ping' && packet.target === this.#self.nodeId) {
      this.#send('ack', from, { probe: packet.probe })
    }
    if (packet.kind !== 'ack' || this.#rival === null) return
    if (packet.fromBoot !== this.#rival.bootId) return
    this.#push({ kind: 'conflict', address: this.#rival.address })
    this.#rival = null
  }

  #settleRival(nowMs: number): void {
    if (this.#rival === null || nowMs < this.#rival.untilMs) return
    const { epoch } = this.#rival
    this.#rival = null
    this.#raiseEpoch(epoch)
    this.#form()
  }

  #raiseEpoch(epoch: number): void {
    if (epoch < this.#self.incarnation.epoch) return
    this.#self = { ...this.#self, incarnation: { epoch: epoch + 1, counter: 0 } }
    this.#news.tell(this.#self.nodeId, this.#self)
  }

  #accuse(nowMs: number, member: Member, state: MemberState): void {
    // A probe may fail after its target was declared failed, or has left: that is no news.
    const accused = { ...member, state }
    if (supersedes(accused, member)) this.#put(nowMs, accused, member)
  }

  /** A new statement of this node about itself. */
  #say(what: Partial<Member>, above = this.#self.incarnation.counter): void {
    const incarnation = { epoch: this.#self.incarnation.epoch, counter: above + 1 }
    this.#self = { ...this.#self, ...what, incarnation }
    this.#news.tell(this.#self.nodeId, this.#self)
  }

  #form(): void {
    if (this.#self.formed || this.#rival !== null) return
    const present = this.#table.present()
    const { expect } = this.#formation
    const joined = present.some(({ formed }) => formed)
    if (joined || (expect !== null && present.length + 1 >= expect)) this.#becomeFormed()
  }

  #becomeFormed(): void {
    if (this.#self.formed) return
    this.#announced = true
    this.#aloneAtMs = null
    this.#say({ formed: true })
    this.#push({ kind: 'formed' })
  }

  #sendAll(to: PacketAddress): void {
    const records = [this.#self, ...this.#table.all()].map(encodeRecord)
    let builder = this.#packet('gossip', {})
    for (const record of records) {
      if (builder.addRecord(record)) continue
      this.#push({ kind: 'send', to, bytes: builder.finish() })
      builder = this.#packet('gossip', {})
      builder.addRecord(record)
    }
    this.#push({ kind: 'send', to, bytes: builder.finish() })
  }

  #sendTo(kind: PacketKind, member: Member, what: Content): void {
    const address = addressOf(member)
    if (address !== undefined) this.#send(kind, address, { target: member.nodeId, ...what })
  }

  #send(kind: PacketKind, to: PacketAddress, what: Content): void {
    this.#push({ kind: 'send', to, bytes: this.#build(kind, what, this.#self).finish() })
  }

  #build(kind: PacketKind, what: Content, from: Member): PacketBuilder {
    const builder = this.#packet(kind, what, from)
    builder.addRecord(encodeRecord(this.#self))
    for (const member of what.about ?? []) builder.addRecord(encodeRecord(member))
    const size = this.#table.present().length + 1
    this.#news.take(size, (member) =>
      member.nodeId === this.#self.nodeId ? true : builder.addRecord(encodeRecord(member)),
    )
    return builder
  }

  #packet(kind: PacketKind, what: Content, from: Member = this.#self): PacketBuilder {
    return new PacketBuilder({
      kind,
      cluster: this.#cluster,
      probe: what.probe ?? 0,
      from: from.nodeId,
      fromBoot: from.bootId,
      target: what.target ?? '',
      targetAddress: what.targetAddress ?? null,
    })
  }

  #push(effect: Effect): void {
    this.#effects.push(effect)
  }
}

interface Content {
  readonly probe?: number
  readonly target?: string
  readonly targetAddress?: PacketAddress
  readonly about?: readonly Member[]
}

function addressOf(member: Member): PacketAddress | undefined {
  const first = member.addresses[0]
  return first === undefined ? undefined : { host: first.host, port: first.udpPort }
}

function sameAddress(address: PacketAddress, own: readonly MemberAddress[]): boolean {
  return own.some(({ host, udpPort }) => host === address.host && udpPort === address.port)
}

function sameIncarnation(a: Member, b: Member): boolean {
  return (
    a.incarnation.epoch === b.incarnation.epoch && a.incarnation.counter === b.incarnation.counter
  )
}

/** A node that binds every address says so; what it is reached at is where its packet came from. */
function fixAddress(record: Member, packet: Packet, from: PacketAddress): Member {
  if (record.nodeId !== packet.from || record.bootId !== packet.fromBoot) return record
  const addresses = record.addresses.map((address) =>
    address.host === '0.0.0.0' || address.host === '::'
      ? { ...address, host: from.host }
      : address,
  )
  return { ...record, addresses }
}
