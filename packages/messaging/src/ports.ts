import type { ApplicationId, BootId, NodeId, NodosumError } from '@nodosum/kernel'

/** Why a peer does not take a lane. */
export interface LaneRefusal {
  readonly code: string
  readonly message: string
}

/** What a lane is for; a peer that knows the kind opens its own the same way. */
type LaneKind = 'messages' | 'requests' | 'streams'

/** The sending end of a lane; `frame` returns where in `buffer` the body goes. */
export interface OutgoingLane {
  /** Its number; never used again in its session. */
  readonly stream: number
  /** Who sends on it; a lane whose owner is idle may be closed, and another one opened. */
  owner: {
    readonly isIdle: boolean
    /** @param refusal null: it was idle @param isUntouched nothing of it was handed on */
    closed(refusal: LaneRefusal | null, isUntouched: boolean): void
  } | null
  readonly closed: boolean
  readonly buffer: Uint8Array
  readonly sequence: number
  onRoom: (() => void) | null
  hasRoom(bodyLength: number): boolean
  frame(type: number, flags: number, bodyLength: number): number
}

/** The receiving end of a lane. */
export interface IncomingLane {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  receiver: {
    frame(type: number, sequence: number, bytes: Uint8Array, start: number, end: number): void
    /** Its sender has closed it, after all that it sent. */
    ended?(): void
    /** The session is over. */
    closed(): void
  } | null
  /** Why it is refused, when its receiver stays null. */
  refusal: LaneRefusal | null
  pause(): void
  resume(): void
}

/** What of several lanes to one node is sent first. */
export type LaneClass = 'interactive' | 'bulk' | 'scheduled'

/** The conversation with one process of a peer; it outlives connections. */
export interface Session {
  readonly peer: NodeId
  readonly peerBootId: BootId
  /** Whom the certificate of the peer names; null or empty for a session of a node with itself. */
  readonly uri: string | null
  /** The same at both ends; tells it from other sessions of the two processes. */
  readonly id: string
  readonly closed: boolean
  readonly control: OutgoingLane
  /** True when the peer is slow to take replies. */
  readonly controlIsLate: boolean
  handler: {
    control(type: number, bytes: Uint8Array, start: number, end: number): void
    lane(lane: IncomingLane): void
    idle(): boolean
    /** @param unknown frames of which nobody knows whether they arrived, by stream and sequences */
    closed(
      reason: NodosumError,
      unknown: readonly { readonly stream: number; readonly from: number; readonly to: number }[],
    ): void
  } | null
  openLane(kind: LaneKind, application: string, name: string, laneClass: LaneClass): OutgoingLane
  controlFrame(type: number, bodyLength: number): number
  end(error: NodosumError): void
}

export interface Sessions {
  get(peer: NodeId): Session | null
  ensure(peer: NodeId): Promise<Session>
}

/** What messaging needs to know of the cluster. */
export interface Directory {
  readonly self: NodeId
  /** Alive or suspect, not draining, running the application; sorted; self included. */
  candidates(application: ApplicationId): readonly NodeId[]
  /** Whether the node is known and not failed or left. */
  isPresent(node: NodeId): boolean
  /** The tags of a member; undefined when it is not known. */
  tags(node: NodeId): Readonly<Record<string, string>> | undefined
  /** The estimated round trip in milliseconds, 0 to itself; undefined before one was measured. */
  rttMs(node: NodeId): number | undefined
  /** Says that this node runs these applications from now on. */
  announce(applications: readonly ApplicationId[]): void
}
