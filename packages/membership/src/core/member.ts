import type { BootId, NodeId } from '@nodosum/kernel'

export type MemberState = 'alive' | 'suspect' | 'failed' | 'left' | 'draining'

/** Where a member can be reached; IP literals, never names. */
export interface MemberAddress {
  readonly host: string
  readonly udpPort: number
  /** 0 when the member has no TCP listener. */
  readonly tcpPort: number
}

/** Orders statements about one node id. */
export interface Incarnation {
  /** Rises with each start of the node. */
  readonly epoch: number
  /** Rises each time the node says something new about itself, for instance that it lives. */
  readonly counter: number
}

/** What one node believes of a member; never changes, a newer belief is another object. */
export interface Member {
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly incarnation: Incarnation
  readonly addresses: readonly MemberAddress[]
  readonly state: MemberState
  readonly tags: Readonly<Record<string, string>>
  readonly applications: readonly string[]
}

export type MemberChangeKind =
  | 'joined'
  | 'suspect'
  | 'alive'
  | 'failed'
  | 'left'
  | 'draining'
  | 'updated'
  | 'restarted'

export interface MemberChange {
  readonly kind: MemberChangeKind
  readonly member: Member
}

/** The part of a member that decides what a user sees happen. */
export interface Appearance {
  readonly bootId: BootId
  readonly state: MemberState
}

/** Whether a member in this state takes part. */
export function isGone(state: MemberState): boolean {
  return state === 'failed' || state === 'left'
}

/**
 * What a user sees happen when `after` replaces `before`; null when nothing visible changed.
 *
 * @param updated whether addresses, tags or applications differ
 */
export function changeKind(
  before: Appearance | undefined,
  after: Appearance,
  updated: boolean,
): MemberChangeKind | null {
  const gone = isGone(after.state)
  if (before === undefined) return gone ? null : 'joined'
  const wasGone = isGone(before.state)
  if (before.bootId !== after.bootId) return gone ? 'failed' : wasGone ? 'joined' : 'restarted'
  if (before.state !== after.state) return wasGone && !gone ? 'joined' : after.state
  return updated && !gone ? 'updated' : null
}

/** Whether an address stands for all of a machine: others cannot send to it. */
export function isEveryAddress({ host }: { readonly host: string }): boolean {
  return host === '0.0.0.0' || host === '::'
}
