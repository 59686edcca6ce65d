import { type BootId, type NodeId, type Random, unreachable } from '@nodosum/kernel'
import type { MembershipOptions } from '../options.ts'
import { decodePacket, type Packet, type PacketKind } from '../wire/packet.ts'
import { Dissemination } from './dissemination.ts'
import type { Effect, Formation, PacketAddress, PacketCounters } from './effects.ts'
import { HelpedProbes } from './helped-probes.ts'
import {
  changeKind,
  type Member,
  type MemberAddress,
  type MemberState,
  supersedes,
} from './member.ts'
import { addressOf, fixAddress } from './member-address.ts'
import { MemberTable } from './member-table.ts'
import { type Consequence, OwnRecord } from './own-record.ts'
import { type Content, PacketAssembly } from './packet-assembly.ts'
import { type Probe, ProbeCycle } from './probe-cycle.ts'
import { suspicionMs } from './suspicion.ts'

/** A tick this late means that this process stood still, so it accuses nobody for what it missed. */
const lateMs = 500

/**
 * SWIM (Das, Gupta, Motivala, 2002) with suspicion, refutation and anti-entropy: who is in the
 * cluster, as one node sees it. Bytes and time in, effects out.
 */
export class MembershipCore {
  readonly counters: PacketCounters = { malformed: 0, version: 0, otherCluster: 0, fromSelf: 0 }
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
  readonly #self: OwnRecord
  readonly #table: MemberTable
  readonly #packets: PacketAssembly
  readonly #cycle: ProbeCycle
  readonly #news: Dissemination<NodeId, Member>
  readonly #helping = new HelpedProbes()
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
    const self: Member = {
      nodeId: options.nodeId,
      bootId: options.bootId,
      incarnation: { epoch: 1, counter: 0 },
      addresses: options.addresses,
      state: 'alive',
      tags: options.tags,
      applications: [],
      formed: false,
    }
    this.#self = new OwnRecord(self, (statement) => this.#news.tell(self.nodeId, statement))
    this.#packets = new PacketAssembly({
      cluster: this.#cluster,
      self: () => this.self,
      table: this.#table,
      news: this.#news,
    })
    const { nowMs } = options
    this.#nextProbeMs = nowMs + options.options.probePeriodMs
    this.#nextGossipMs = nowMs + options.options.gossipPeriodMs
    this.#nextSyncMs = nowMs + options.options.syncPeriodMs
    this.#aloneAtMs = options.formation.alone ? nowMs + options.options.joinRetryMs : null
  }

  get self(): Member {
    return this.#self.member
  }

  /** Self first, then everybody that is remembered. */
  members(): Member[] {
    return [this.self, ...this.#table.all()]
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
    this.#self.say({ applications })
  }

  drain(): void {
    this.#self.say({ state: 'draining' })
  }

  /** Says goodbye to everybody; nothing is sent afterwards. */
  leave(): void {
    if (this.#closed) return
    this.#self.say({ state: 'left' })
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
    if (packet.fromBoot === this.self.bootId) {
      this.counters.fromSelf += 1
      return
    }
    // An unannounced restart is known by its bootId alone: only who is not us may speak as us.
    for (const record of packet.records) this.#learn(nowMs, fixAddress(record, packet, from))
    if (packet.from === this.self.nodeId) return this.#heardNamesake(from, packet)
    this.#answer(nowMs, from, packet)
    this.#form()
  }

  /** When `tick` wants to be called. */
  nextDeadlineMs(): number {
    let next = Math.min(this.#nextProbeMs, this.#nextGossipMs, this.#nextSyncMs)
    if (this.#probe !== null) {
      next = Math.min(next, this.#probe.indirectAtMs ?? this.#probe.failsAtMs)
    }
    if (this.#self.rivalUntilMs !== null) next = Math.min(next, this.#self.rivalUntilMs)
    if (this.#aloneAtMs !== null) next = Math.min(next, this.#aloneAtMs)
    return next
  }

  tick(nowMs: number): void {
    if (this.#closed) return
    const lateness = nowMs - this.nextDeadlineMs()
    if (lateness > lateMs) this.#stoodStill(nowMs, lateness)
    if (this.#self.settleRival(nowMs)) this.#form()
    if (this.#aloneAtMs !== null && nowMs >= this.#aloneAtMs) {
      this.#aloneAtMs = null
      if (this.#self.rivalUntilMs === null) this.#becomeFormed()
      else this.#aloneAtMs = this.#self.rivalUntilMs + 1
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
        if (packet.target === this.self.nodeId) {
          this.#send('ack', from, { probe: packet.probe, about: this.#about(packet.from) })
        }
        return
      case 'ack':
        if (this.#probe?.sequence === packet.probe && this.#isFrom(this.#probe.target, packet)) {
          this.#probe = null
        }
        this.#forwardAck(packet)
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

  /** Another process at the same address does not answer for a dead one. */
  #isFrom(target: NodeId, packet: Packet): boolean {
    return packet.from === target && packet.fromBoot === this.#table.get(target)?.bootId
  }

  #probeFor(nowMs: number, from: PacketAddress, packet: Packet): void {
    if (packet.targetAddress === null) return
    const sequence = ++this.#sequence
    const untilMs = nowMs + 2 * this.#options.probePeriodMs
    const { probe, target } = packet
    if (!this.#helping.start(nowMs, sequence, { to: from, probe, target, untilMs })) return
    const about = { probe: sequence, target: packet.target }
    this.#send('ping', packet.targetAddress, about)
  }

  #forwardAck(packet: Packet): void {
    const helped = this.#helping.end(packet.probe, packet.from)
    if (helped === undefined) return
    // In the target's name, for the prober pairs an ack with whom it probed.
    const member = this.#table.get(packet.from)
    if (member === undefined) return
    this.#push({
      kind: 'send',
      to: helped.to,
      bytes: this.#packets.packet('ack', { probe: helped.probe, about: [member] }, member),
    })
  }

  /** What the sender of a packet should hear first: that it is believed to be gone. */
  #about(nodeId: NodeId): Member[] {
    const member = this.#table.get(nodeId)
    return member !== undefined && member.state !== 'alive' ? [member] : []
  }

  #learn(nowMs: number, record: Member): void {
    if (record.nodeId === this.self.nodeId) return this.#follow(this.#self.learn(nowMs, record))
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

  #follow(consequence: Consequence): void {
    if (consequence.kind === 'ask') {
      const about = { probe: ++this.#sequence, target: this.self.nodeId }
      this.#send('ping', consequence.address, about)
    } else if (consequence.kind === 'conflict') this.#push(consequence)
  }

  /** A packet of another process with this node's id, which is asked or asks whether it lives. */
  #heardNamesake(from: PacketAddress, packet: Packet): void {
    if (packet.kind === 'ping' && packet.target === this.self.nodeId) {
      this.#send('ack', from, { probe: packet.probe })
    }
    if (packet.kind === 'ack') this.#follow(this.#self.rivalAnswered(packet.fromBoot))
  }

  #accuse(nowMs: number, member: Member, state: MemberState): void {
    // A probe may fail after its target was declared failed, or has left: that is no news.
    const accused = { ...member, state }
    if (supersedes(accused, member)) this.#put(nowMs, accused, member)
  }

  #form(): void {
    if (this.self.formed || this.#self.rivalUntilMs !== null) return
    const present = this.#table.present()
    const { expect } = this.#formation
    const joined = present.some(({ formed }) => formed)
    if (joined || (expect !== null && present.length + 1 >= expect)) this.#becomeFormed()
  }

  #becomeFormed(): void {
    if (this.self.formed) return
    this.#aloneAtMs = null
    this.#self.say({ formed: true })
    this.#push({ kind: 'formed' })
  }

  #sendAll(to: PacketAddress): void {
    for (const bytes of this.#packets.everything()) this.#push({ kind: 'send', to, bytes })
  }

  #sendTo(kind: PacketKind, member: Member, what: Content): void {
    const address = addressOf(member)
    if (address !== undefined) this.#send(kind, address, { target: member.nodeId, ...what })
  }

  #send(kind: PacketKind, to: PacketAddress, what: Content): void {
    this.#push({ kind: 'send', to, bytes: this.#packets.packet(kind, what) })
  }

  #push(effect: Effect): void {
    this.#effects.push(effect)
  }
}
