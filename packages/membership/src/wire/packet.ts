import {
  type BootId,
  ByteReader,
  ByteWriter,
  bootIdFromBytes,
  bootIdToBytes,
  isNodeId,
  type NodeId,
} from '@nodosum/kernel'
import type { Member, MemberAddress, MemberState } from '../core/member.ts'

/** The version of the packets; a receiver drops what it does not know. */
export const packetVersion = 1

/** The largest packet before it is sealed: fits any path once the seal's 49 bytes are added. */
export const packetBytesMax = 1_150

export type PacketKind = 'ping' | 'ack' | 'pingRequest' | 'sync' | 'gossip'

const kinds: readonly PacketKind[] = ['ping', 'ack', 'pingRequest', 'sync', 'gossip']
const states: readonly MemberState[] = ['alive', 'suspect', 'failed', 'left', 'draining']

/** Bounds of a member record on the wire. */
export const recordLimits = { addresses: 4, tags: 32, applications: 256, textBytes: 256 } as const

export interface Packet {
  readonly kind: PacketKind
  readonly cluster: string
  /** Pairs an ack with its ping; 0 for kinds that need no answer. */
  readonly probe: number
  readonly from: NodeId
  readonly fromBoot: BootId
  /** Whom a ping is for, and whom a pingRequest asks about; empty otherwise. */
  readonly target: string
  /** Where a pingRequest's target is; null otherwise. */
  readonly targetAddress: { readonly host: string; readonly port: number } | null
  readonly records: readonly Member[]
}

/** What was wrong with a packet. */
export type PacketProblem = 'version' | 'malformed'

/** Starts a packet; records follow with `addRecord` until it says no. */
export class PacketBuilder {
  readonly #writer = new ByteWriter({ initialBytes: packetBytesMax })
  #records = 0

  constructor(packet: Omit<Packet, 'records'>) {
    const writer = this.#writer
    writer.u8(packetVersion)
    writer.u8(kinds.indexOf(packet.kind))
    writer.text(packet.cluster)
    writer.varint(packet.probe)
    writer.text(packet.from)
    writer.bytes(bootIdToBytes(packet.fromBoot))
    writer.text(packet.target)
    writer.text(packet.targetAddress?.host ?? '')
    writer.u16(packet.targetAddress?.port ?? 0)
  }

  get records(): number {
    return this.#records
  }

  /** False when the record does not fit any more; an empty packet takes one of any size. */
  addRecord(encoded: Uint8Array): boolean {
    if (this.#records > 0 && this.#writer.length + encoded.length > packetBytesMax) return false
    this.#writer.bytes(encoded)
    this.#records += 1
    return true
  }

  finish(): Uint8Array {
    return this.#writer.finish()
  }
}

export function encodeRecord(member: Member): Uint8Array {
  const writer = new ByteWriter({ initialBytes: 256 })
  writer.text(member.nodeId)
  writer.bytes(bootIdToBytes(member.bootId))
  writer.varint(member.incarnation.epoch)
  writer.varint(member.incarnation.counter)
  writer.u8(states.indexOf(member.state) | (member.formed ? 0x80 : 0))
  writer.u8(member.addresses.length)
  for (const address of member.addresses) {
    writer.text(address.host)
    writer.u16(address.udpPort)
    writer.u16(address.tcpPort)
  }
  const tags = Object.entries(member.tags)
  writer.u8(tags.length)
  for (const [key, value] of tags) {
    writer.text(key)
    writer.text(value)
  }
  writer.u16(member.applications.length)
  for (const application of member.applications) writer.text(application)
  return writer.finish()
}

/** Never throws; whatever arrives gives a packet or a problem. */
export function decodePacket(bytes: Uint8Array): Packet | PacketProblem {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== packetVersion) return reader.failed ? 'malformed' : 'version'
  const kind = kinds[reader.u8()]
  const cluster = reader.text(64)
  const probe = reader.varint()
  const from = reader.text(64)
  const boot = reader.bytes(16)
  const target = reader.text(64)
  const host = reader.text(64)
  const port = reader.u16()
  if (reader.failed || kind === undefined || !isNodeId(from)) return 'malformed'
  const records: Member[] = []
  while (reader.remaining > 0) {
    const record = decodeRecord(reader)
    if (record === null) return 'malformed'
    records.push(record)
  }
  const targetAddress = host === '' ? null : { host, port }
  const fromBoot = bootIdFromBytes(boot)
  return { kind, cluster, probe, from, fromBoot, target, targetAddress, records }
}

function decodeRecord(reader: ByteReader): Member | null {
  const nodeId = reader.text(64)
  const boot = reader.bytes(16)
  const incarnation = { epoch: reader.varint(), counter: reader.varint() }
  const bits = reader.u8()
  const state = states[bits & 0x7f]
  const addresses: MemberAddress[] = []
  const addressCount = reader.u8()
  if (addressCount > recordLimits.addresses) return null
  for (let at = 0; at < addressCount; at++) {
    const host = reader.text(64)
    addresses.push({ host, udpPort: reader.u16(), tcpPort: reader.u16() })
  }
  const tags: Record<string, string> = Object.create(null) as Record<string, string>
  const tagCount = reader.u8()
  if (tagCount > recordLimits.tags) return null
  for (let at = 0; at < tagCount; at++) {
    const key = reader.text(recordLimits.textBytes)
    tags[key] = reader.text(recordLimits.textBytes)
  }
  const applications: string[] = []
  const applicationCount = reader.u16()
  if (applicationCount > recordLimits.applications) return null
  for (let at = 0; at < applicationCount; at++) applications.push(reader.text(64))
  if (reader.failed || state === undefined || !isNodeId(nodeId)) return null
  const formed = (bits & 0x80) !== 0
  const bootId = bootIdFromBytes(boot)
  return { nodeId, bootId, incarnation, addresses, state, tags, applications, formed }
}
