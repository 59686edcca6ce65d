import type { NodeId } from '@nodosum/kernel'
import { encodeRecord, PacketBuilder, type PacketKind } from '../wire/packet.ts'
import type { Dissemination } from './dissemination.ts'
import type { PacketAddress } from './effects.ts'
import type { Member } from './member.ts'
import type { MemberTable } from './member-table.ts'

/** What a packet says beside its sender's own record and the news. */
export interface Content {
  readonly probe?: number
  readonly target?: string
  readonly targetAddress?: PacketAddress
  /** Records that must be in it, before the news. */
  readonly about?: readonly Member[]
}

/** Fills packets: the sender's record first, then what is asked for, then as much news as fits. */
export class PacketAssembly {
  readonly #cluster: string
  readonly #self: () => Member
  readonly #table: MemberTable
  readonly #news: Dissemination<NodeId, Member>

  constructor(options: {
    cluster: string
    self: () => Member
    table: MemberTable
    news: Dissemination<NodeId, Member>
  }) {
    this.#cluster = options.cluster
    this.#self = options.self
    this.#table = options.table
    this.#news = options.news
  }

  /** @param from in whose name; this node unless told */
  packet(kind: PacketKind, content: Content, from: Member = this.#self()): Uint8Array {
    const self = this.#self()
    const builder = this.#start(kind, content, from)
    builder.addRecord(encodeRecord(self))
    for (const member of content.about ?? []) builder.addRecord(encodeRecord(member))
    const size = this.#table.present().length + 1
    this.#news.take(size, (member) =>
      member.nodeId === self.nodeId ? true : builder.addRecord(encodeRecord(member)),
    )
    return builder.finish()
  }

  /** As many packets as it takes to tell everything that this node remembers. */
  everything(): Uint8Array[] {
    const packets: Uint8Array[] = []
    let builder = this.#start('gossip', {}, this.#self())
    for (const member of [this.#self(), ...this.#table.all()]) {
      const record = encodeRecord(member)
      if (builder.addRecord(record)) continue
      packets.push(builder.finish())
      builder = this.#start('gossip', {}, this.#self())
      builder.addRecord(record)
    }
    packets.push(builder.finish())
    return packets
  }

  #start(kind: PacketKind, content: Content, from: Member): PacketBuilder {
    return new PacketBuilder({
      kind,
      cluster: this.#cluster,
      probe: content.probe ?? 0,
      from: from.nodeId,
      fromBoot: from.bootId,
      target: content.target ?? '',
      targetAddress: content.targetAddress ?? null,
    })
  }
}
