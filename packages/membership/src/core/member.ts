import type { BootId, NodeId } from '@nodosum/kernel'

export type MemberState = 'alive' | 'suspect' | 'failed' | 'left' | 'draining'

/** Where a member can be reached; IP literals, never names. */
export interface MemberAddress {
  readonly host: string
  readonly udpPort: number
  /** 0 when the member has no TCP listener. */
  readonly tcpPort: number
}

/** Orders statements about one node id; see `supersedes`. */
export interface Incarnation {
  /** Rises with each start of the node. */
  readonly epoch: number
  /** Rises each time the node says something new about itself, for instance that it lives. */
  readonly counter: number
}

/** One statement about a member. */
export interface Member {
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly incarnation: Incarnation
  readonly addresses: readonly MemberAddress[]
  readonly state: MemberState
  readonly tags: Readonly<Record<string, string>>
  readonly applications: readonly string[]
  /** Whether this member belongs to a cluster already, rather than still waiting for one. */
  readonly formed: boolean
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

const rank: Readonly<Record<MemberState, number>> = {
  alive: 0,
  draining: 0,
  suspect: 1,
  failed: 2,
  left: 3,
}

/**
 * Whether statement `a` replaces `b` about the same node: the later incarnation, and within one
 * incarnation the worse state, so that only the node itself can take an accusation back.
 */
export function supersedes(a: Member, b: Member): boolean {
  if (a.incarnation.epoch !== b.incarnation.epoch) return a.incarnation.epoch > b.incarnation.epoch
  if (a.incarnation.counter !== b.incarnation.counter) {
    return a.incarnation.counter > b.incarnation.counter
  }
  return a.bootId === b.bootId && rank[a.state] > rank[b.state]
}

/** What a user sees happen when `after` replaces `before`; null when nothing visible changed. */
export function changeKind(before: Member | undefined, after: Member): MemberChangeKind | null {
  const gone = after.state === 'failed' || after.state === 'left'
  if (before === undefined) return gone ? null : 'joined'
  const wasGone = before.state === 'failed' || before.state === 'left'
  if (before.bootId !== after.bootId) return gone ? 'failed' : wasGone ? 'joined' : 'restarted'
  if (before.state !== after.state) {
    if (after.state === 'alive' && wasGone) return 'joined'
    return after.state
  }
  return sameDescription(before, after) ? null : 'updated'
}

function sameDescription(a: Member, b: Member): boolean {
  return (
    JSON.stringify([a.addresses, a.tags, a.applications, a.formed]) ===
    JSON.stringify([b.addresses, b.tags, b.applications, b.formed])
  )
}
