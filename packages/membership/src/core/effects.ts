import type { MemberChange } from './member.ts'

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
  | { readonly kind: 'conflict'; readonly address: PacketAddress }

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
