import { unreachable } from '@nodosum/kernel'
import type { Packet, PacketBody } from '../wire/packet.ts'
import { decodePacket } from '../wire/packet-codec.ts'
import type { RecordStatement, Statement, StateStatement } from '../wire/statement.ts'
import { encodeStatement } from '../wire/statement-codec.ts'
import type { AntiEntropy } from './anti-entropy.ts'
import type { Beliefs } from './beliefs.ts'
import type { PacketAddress } from './effects.ts'
import type { FailureDetector } from './failure-detector.ts'
import type { Forming } from './forming.ts'
import { bootTagOf } from './hash.ts'
import { isEveryAddress } from './member.ts'
import type { NodeState } from './node-state.ts'
import type { OwnRecord } from './own-record.ts'
import { Source } from './source.ts'
import type { Timer } from './timers.ts'
import { UserEvents } from './user-events.ts'

/** Others that a newcomer hears of at once; anti-entropy brings the rest. */
const welcomeMembers = 16
/** Who is believed to be gone and speaks all the same is told so this often at most. */
const correctionPeriodMs = 1_000
/** Who was told so and did not deny it for so long does not hear; a slow one answers by then. */
const deafAfterMs = 3_000

/** What a node does with a packet: first it learns what it says, then it answers. */
export class Receiver {
  readonly #state: NodeState
  readonly #own: OwnRecord
  readonly #beliefs: Beliefs
  readonly #detector: FailureDetector
  readonly #antiEntropy: AntiEntropy
  readonly #forming: Forming
  readonly #events: UserEvents
  readonly #eventGap: Timer

  constructor(options: {
    state: NodeState
    own: OwnRecord
    beliefs: Beliefs
    detector: FailureDetector
    antiEntropy: AntiEntropy
    forming: Forming
  }) {
    this.#state = options.state
    this.#own = options.own
    this.#beliefs = options.beliefs
    this.#detector = options.detector
    this.#antiEntropy = options.antiEntropy
    this.#forming = options.forming
    this.#events = new UserEvents(options.state.rules)
    this.#eventGap = options.state.timers.create((nowMs) => {
      this.#events.expire(nowMs)
      this.#handOver()
    })
  }

  receive(nowMs: number, from: PacketAddress, bytes: Uint8Array): void {
    const { counters, protocol } = this.#state
    counters.packetsReceived += 1
    counters.bytesReceived += bytes.length
    const packet = decodePacket(bytes, protocol)
    if ('problem' in packet) counters[packet.problem] += 1
    else if (this.#isForUs(packet)) this.#take(nowMs, from, packet)
  }

  #isForUs({ header }: Packet): boolean {
    const { counters, self, outbox } = this.#state
    if (!outbox.isOwnCluster(header.clusterHigh, header.clusterLow)) {
      counters.otherCluster += 1
      return false
    }
    if (header.from === self.nodeId && header.fromBootTag === self.bootTag) {
      counters.fromSelf += 1
      return false
    }
    return true
  }

  #take(nowMs: number, from: PacketAddress, packet: Packet): void {
    const { header, body } = packet
    const known = this.#state.table.get(header.from)
    const source = new Source({
      address: from,
      version: header.version,
      nodeId: header.from,
      bootTag: header.fromBootTag,
      entry: known?.bootTag === header.fromBootTag ? known : undefined,
      isRepair: body.kind === 'repair' || body.kind === 'summary' || body.kind === 'welcome',
    })
    for (const statement of packet.statements) this.#learn(nowMs, statement, source)
    if (header.from === this.#state.self.nodeId) return this.#heardNamesake(source, body)
    this.#heard(nowMs, source, packet)
    // Who asks to join or refuses has not taken this node in.
    const isTakenIn = header.formed && body.kind !== 'join' && body.kind !== 'refusal'
    if (isTakenIn) this.#forming.heardFormed(nowMs, source)
    const { answers } = source
    if (answers.length === 0) return
    this.#state.outbox.sendAll(source.address, { kind: 'repair' }, answers, answerPacketsMax)
  }

  #learn(nowMs: number, statement: Statement, source: Source): void {
    const isOwn = statement.nodeId === this.#state.self.nodeId
    switch (statement.kind) {
      case 'record':
        if (isOwn) return this.#hearOfSelf(nowMs, statement, source)
        return this.#hearRecord(nowMs, statement, source)
      case 'state':
        if (isOwn) return this.#hearOfSelf(nowMs, statement, source)
        return this.#beliefs.learnState(nowMs, statement, source)
      case 'metadata':
        return isOwn ? undefined : this.#beliefs.learnMetadata(nowMs, statement, source)
      case 'event': {
        if (isOwn || !this.#events.heard(nowMs, statement)) return
        const { nodeId, sequence } = statement
        const bytes = encodeStatement(statement)
        this.#state.news.tell(nodeId, `event ${sequence}`, 'event', bytes)
        return this.#handOver()
      }
      case 'need':
        return this.#antiEntropy.needed(statement, source)
      default:
        unreachable(statement)
    }
  }

  /** A node that binds every address hears in return where it is reached. */
  #hearRecord(nowMs: number, statement: RecordStatement, source: Source): void {
    const record = withAddress(statement, source)
    this.#beliefs.learnRecord(nowMs, record, source)
    if (record !== statement && !source.isRefused) source.answer(record)
  }

  #hearOfSelf(nowMs: number, statement: RecordStatement | StateStatement, source: Source): void {
    const { self } = this.#state
    const consequence = this.#own.learn(nowMs, statement)
    if (consequence === 'inform') source.answer(self.record)
    else if (consequence === 'need') source.ask(self.nodeId, null)
    else if (consequence === 'ask' && this.#own.rival !== null) {
      this.#detector.askNamesake(this.#own.rival.address)
    }
  }

  #heard(nowMs: number, source: Source, { header, body, statements }: Packet): void {
    const { outbox, table, self, rules } = this.#state
    const { root } = table.digest
    switch (body.kind) {
      case 'ping': {
        if (!rules.isForThisNode(body.target, self.nodeId)) return
        this.#noticeDeaf(nowMs, source)
        const { own: coordinate } = this.#detector.coordinates
        const ack = { kind: 'ack', probe: body.probe, root, coordinate } as const
        outbox.send(source.address, ack, this.#corrections(source))
        if (source.entry === undefined && table.get(source.nodeId) === undefined) {
          source.ask(source.nodeId, null)
        }
        return this.#antiEntropy.compare(nowMs, source, body.root)
      }
      case 'ack':
        this.#detector.acked(nowMs, source, body.probe, body.coordinate)
        this.#antiEntropy.compare(nowMs, source, body.root)
        return this.#correct(nowMs, source, true)
      case 'nack':
        return this.#detector.nacked(body.probe)
      case 'pingRequest':
        return this.#detector.help(nowMs, source, body)
      case 'indirectAck':
        return this.#detector.ackedIndirectly(body.probe, body.target, body.bootTag)
      case 'gossip':
      case 'repair':
        return this.#correct(nowMs, source, header.formed)
      case 'join':
        return this.#welcome(source, body)
      case 'welcome':
        if (body.root !== root) this.#antiEntropy.hurry(nowMs)
        return
      case 'refusal': {
        const { code, reason } = body
        const refusal = { code, reason, from: source.nodeId, address: plain(source.address) }
        return this.#state.push({ kind: 'refused', refusal })
      }
      case 'digest':
        return this.#antiEntropy.digested(nowMs, source, body)
      case 'summary':
        return this.#antiEntropy.summarized(source, body, statements.filter(isState))
      default:
        unreachable(body)
    }
  }

  /** A packet of another process with this node's id, which is asked or asks whether it lives. */
  #heardNamesake(source: Source, body: PacketBody): void {
    if (body.kind === 'ping' && body.target === this.#state.self.nodeId) {
      const { root } = this.#state.table.digest
      const ack = { kind: 'ack', probe: body.probe, root, coordinate: null } as const
      this.#state.outbox.send(source.address, ack)
    }
    if (body.kind === 'ack') this.#own.rivalSpoke(source.bootTag)
    // Only who joins: two that both belong to a cluster would answer each other without an end.
    if (body.kind === 'join' && source.answers.length > 0) {
      this.#state.outbox.sendAll(source.address, { kind: 'repair' }, source.answers, 1)
    }
  }

  #welcome(source: Source, body: PacketBody & { kind: 'join' }): void {
    if (source.isRefused) return
    const { outbox, protocol, rules, self, table, random } = this.#state
    if (rules.speaks(protocol, body.protocol) === null) {
      const reason = `versions ${protocol.min} to ${protocol.max} are spoken here`
      const refusal = { kind: 'refusal', code: 'version', protocol, reason } as const
      outbox.sendAll(source.address, refusal, [], 1)
      return
    }
    const others = table.pick(random.targets, welcomeMembers).map(({ record }) => record)
    const statements = [self.record, ...this.#corrections(source), ...others]
    const welcome = { kind: 'welcome', protocol, root: table.digest.root } as const
    outbox.sendAll(source.address, welcome, statements, 1)
  }

  /** What the sender of a packet should hear first: that it is believed to be gone, or another. */
  #corrections({ nodeId, bootTag }: Source): Statement[] {
    const entry = this.#state.table.get(nodeId)
    if (entry === undefined) return []
    if (entry.bootTag !== bootTag) return [entry.record]
    const isTrusted = entry.state === 'alive' || entry.state === 'draining'
    return isTrusted ? [] : [entry.stateStatement]
  }

  /** @param formed whether the sender belongs to a cluster; if not, a member tells it that it does */
  #correct(nowMs: number, source: Source, formed: boolean): void {
    this.#noticeDeaf(nowMs, source)
    const entry = this.#state.table.get(source.nodeId)
    if (entry === undefined || nowMs - entry.toldMs < correctionPeriodMs) return
    const corrections = this.#corrections(source)
    const isNewMember = !formed && this.#state.outbox.formed && source.entry !== undefined
    if (corrections.length === 0 && !isNewMember) return
    entry.toldMs = nowMs
    this.#state.outbox.sendAll(source.address, { kind: 'repair' }, corrections, 1)
  }

  #noticeDeaf(nowMs: number, { entry }: Source): void {
    if (entry?.state !== 'failed') return
    entry.toldFirstMs ??= nowMs
    if (nowMs - entry.toldFirstMs >= deafAfterMs) this.#beliefs.foundDeaf(entry)
  }

  #handOver(): void {
    for (let event = this.#events.next(); event !== undefined; event = this.#events.next()) {
      this.#state.counters.eventsReceived += 1
      this.#state.push({ kind: 'event', event })
    }
    const deadlineMs = this.#events.gapDeadlineMs()
    if (Number.isFinite(deadlineMs)) this.#eventGap.set(deadlineMs)
    else this.#eventGap.cancel()
  }
}

/** Packets of answers to one packet. */
const answerPacketsMax = 12

function isState(statement: Statement): statement is StateStatement {
  return statement.kind === 'state'
}

function plain({ host, port }: PacketAddress): PacketAddress {
  return { host, port }
}

/** A node that binds every address says so; what it is reached at is where its packet came from. */
function withAddress(record: RecordStatement, source: Source): RecordStatement {
  if (!source.isSubject(record.nodeId, bootTagOf(record.bootId))) return record
  if (!record.addresses.some(isEveryAddress)) return record
  const { host } = source.address
  const addresses = record.addresses.map((address) =>
    isEveryAddress(address) ? { ...address, host } : address,
  )
  return { ...record, addresses }
}
