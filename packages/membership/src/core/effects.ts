import type { Member, MemberChange } from './member.ts'
import type { UserEvent } from './user-events.ts'

/** Where a packet came from or goes to. */
export interface PacketAddress {
  readonly host: string
  readonly port: number
}

/** Everybody that takes part, as it is published once it has settled. */
export interface MembershipView {
  /** Counts the published views of this node. */
  readonly number: number
  /** How many take part, this node included. */
  readonly size: number
  /** Self first; as they are when this is first read. */
  readonly members: readonly Member[]
}

/** What is worth to survive a restart. */
export interface MembershipSnapshot {
  /** A restarted node exceeds it. */
  readonly epoch: number
  /** Where others were last; at most 64, and none after leaving. */
  readonly peers: readonly PacketAddress[]
}

/** What the driver has to do. */
export type Effect =
  | { readonly kind: 'send'; readonly to: PacketAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'change'; readonly change: MemberChange }
  /** A settled view: many changes at once show as one. */
  | { readonly kind: 'view'; readonly view: MembershipView }
  /** News of an application. */
  | { readonly kind: 'event'; readonly event: UserEvent }
  /** To be written where `restored` finds it. */
  | { readonly kind: 'persist'; readonly snapshot: MembershipSnapshot }
  /** This node belongs to a cluster from now on. */
  | { readonly kind: 'formed' }
  /** Another living process uses this node's id. */
  | { readonly kind: 'conflict'; readonly address: PacketAddress }
  /** A member does not take this node in. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Why a member does not take this node in. */
export interface Refusal {
  readonly code: 'version' | 'admission' | 'full'
  readonly reason: string
  readonly from: string
  readonly address: PacketAddress
}

/** Why a node must have no connection with this one. */
export interface KeptOut {
  /** `quarantine`: it is a member that failed and returned too often, and is held back for now. */
  readonly code: 'version' | 'admission' | 'quarantine'
  readonly reason: string
}

/** How a cluster may begin. */
export interface Formation {
  /** Form once so many founders see each other, this one included. */
  readonly expect: number | null
  /** Form without anybody, after one round of discovery. */
  readonly alone: boolean
}

/**
 * Says why a member must not take part, or null. It is asked for each boot of each node, and before a
 * connection with a process that nobody has told of: then without addresses, tags and applications.
 */
export type Admission = (member: Member) => string | null
