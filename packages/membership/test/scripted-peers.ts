import { type BootId, type NodeId, parseNodeId, seededRandom } from '@nodosum/kernel'
import type { Effect } from '../src/core/effects.ts'
import { bootTagOf, hashText } from '../src/core/hash.ts'
import type { MemberState } from '../src/core/member.ts'
import { MembershipCore, type MembershipCoreOptions } from '../src/core/membership-core.ts'
import { type ProtocolRules, protocolRules } from '../src/core/rules.ts'
import { type MembershipOptions, membershipOptions } from '../src/options.ts'
import type { Packet, PacketBody, PacketKind } from '../src/wire/packet.ts'
import { decodePacket, PacketWriter } from '../src/wire/packet-codec.ts'
import type { RecordStatement, Statement, StateStatement } from '../src/wire/statement.ts'

export interface Sent {
  readonly to: string
  readonly packet: Packet
}

/** One real core among peers that say exactly what a test tells them to. */
export class ScriptedPeers {
  nowMs = 0
  readonly core: MembershipCore
  readonly effects: Effect[] = []
  readonly sent: Sent[] = []

  constructor(
    options: Partial<MembershipOptions> = {},
    more: Partial<MembershipCoreOptions> = {},
    rules: ProtocolRules = protocolRules,
  ) {
    this.core = new MembershipCore(
      {
        cluster: 'test',
        nodeId: parseNodeId('self'),
        bootId: bootOf('self'),
        addresses: [{ host: 'self', udpPort: 1, tcpPort: 0 }],
        tags: {},
        formation: { expect: null, alone: true },
        options: membershipOptions.parse(options),
        random: seededRandom('scripted'),
        nowMs: 0,
        ...more,
      },
      rules,
    )
    this.collect()
  }

  /** These join; what that makes the core say is forgotten. */
  join(...ids: readonly string[]): void {
    for (const id of ids) this.say(id, { kind: 'gossip' }, recordOf(id))
    this.clear()
  }

  say(from: string, body: PacketBody, ...statements: readonly Statement[]): void {
    this.core.handlePacket(this.nowMs, { host: from, port: 1 }, packetOf(from, body, statements))
    this.collect()
  }

  /** Time goes on; everybody who is named answers its pings. */
  run(forMs: number, options: { answering?: readonly string[]; nacking?: boolean } = {}): void {
    const untilMs = this.nowMs + forMs
    while (this.core.nextDeadlineMs() <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.core.nextDeadlineMs())
      const from = this.sent.length
      this.core.tick(this.nowMs)
      this.collect()
      for (const { to, packet } of this.sent.slice(from)) this.#answer(to, packet, options)
    }
    this.nowMs = untilMs
  }

  stateOf(id: string): MemberState | undefined {
    return this.core.member(id)?.state
  }

  /** Bodies of one kind that were sent to a peer, with their statements. */
  sentTo(to: string, kind: PacketKind): Packet[] {
    return this.sent
      .filter((one) => one.to === to && one.packet.body.kind === kind)
      .map(({ packet }) => packet)
  }

  clear(): void {
    this.sent.length = 0
    this.effects.length = 0
  }

  collect(): void {
    for (let effect = this.core.poll(); effect !== undefined; effect = this.core.poll()) {
      this.effects.push(effect)
      if (effect.kind !== 'send') continue
      const packet = decodePacket(effect.bytes, { min: 1, max: 9 })
      if ('problem' in packet) throw new Error(`the core sent rubbish: ${packet.where}`)
      this.sent.push({ to: effect.to.host, packet })
    }
  }

  #answer(
    to: string,
    { body }: Packet,
    options: { answering?: readonly string[]; nacking?: boolean },
  ): void {
    if (body.kind === 'ping' && options.answering?.includes(to)) {
      this.say(to, { kind: 'ack', probe: body.probe, root: this.core.digest, coordinate: null })
    }
    if (body.kind === 'pingRequest' && options.nacking === true) {
      this.say(to, { kind: 'nack', probe: body.probe })
    }
  }
}

export function bootOf(id: string): BootId {
  // Not the hash of the id itself: where both are equal, so are the hashes of all members.
  const hex = hashText(`boot of ${id}`).toString(16).padStart(8, '0')
  return hex.repeat(4) as BootId
}

export function recordOf(id: string, changes: Partial<RecordStatement> = {}): RecordStatement {
  return {
    kind: 'record',
    nodeId: id as NodeId,
    bootId: bootOf(id),
    epoch: 1,
    counter: 0,
    state: 'alive',
    protocol: { min: 1, max: 1 },
    addresses: [{ host: id, udpPort: 1, tcpPort: 0 }],
    metadataVersion: changes.metadata?.to ?? 0,
    metadata: { from: 0, to: 0, entries: [] },
    extension: new Uint8Array(0),
    ...changes,
  }
}

export function stateOf(
  id: string,
  state: MemberState,
  changes: Partial<StateStatement> = {},
): StateStatement {
  return {
    kind: 'state',
    nodeId: id as NodeId,
    bootTag: bootTagOf(bootOf(id)),
    epoch: 1,
    counter: 0,
    state,
    metadataVersion: 0,
    accusers: [],
    isDeaf: false,
    ...changes,
  }
}

export function packetOf(
  from: string,
  body: PacketBody,
  statements: readonly Statement[] = [],
  version = 1,
): Uint8Array {
  const writer = new PacketWriter()
  writer.start(
    {
      version,
      clusterHigh: hashText('test'),
      clusterLow: hashText('test', 0x9e3779b9),
      from: from as NodeId,
      fromBootTag: bootTagOf(bootOf(from)),
      formed: true,
    },
    body,
  )
  for (const statement of statements) writer.add(statement)
  return writer.finish()
}
