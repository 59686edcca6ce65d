import type { Packet } from '../wire/packet.ts'
import type { PacketAddress } from './effects.ts'
import type { Member, MemberAddress } from './member.ts'

/** Where to send packets for a member. */
export function addressOf(member: Member): PacketAddress | undefined {
  const first = member.addresses[0]
  return first === undefined ? undefined : { host: first.host, port: first.udpPort }
}

/** Whether packets for this address arrive at one of these. */
export function sameAddress(address: PacketAddress, own: readonly MemberAddress[]): boolean {
  return own.some(({ host, udpPort }) => host === address.host && udpPort === address.port)
}

/** A node that binds every address says so; what it is reached at is where its packet came from. */
export function fixAddress(record: Member, packet: Packet, from: PacketAddress): Member {
  if (record.nodeId !== packet.from || record.bootId !== packet.fromBoot) return record
  const addresses = record.addresses.map((address) =>
    address.host === '0.0.0.0' || address.host === '::' ? { ...address, host: from.host } : address,
  )
  return { ...record, addresses }
}
