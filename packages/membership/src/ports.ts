import type { NodeId, NodosumError } from '@nodosum/kernel'
import type { MembershipSnapshot, PacketAddress } from './core/effects.ts'

/** Sends and receives packets; the facade wires it to the UDP port. */
export interface PacketPort {
  send(bytes: Uint8Array, to: PacketAddress): void
  onPacket: ((bytes: Uint8Array, from: PacketAddress) => void) | null
}

/** Carries packets over connections, where UDP does not pass. Best effort, as UDP is. */
export interface Detour {
  /** False when there is no connection to this node, or it takes no more now. */
  send(bytes: Uint8Array, to: NodeId): boolean
  /** Opens a connection to a member, unless it was tried a moment ago. */
  open(to: NodeId): void
  /**
   * Finds out by TCP who is at an address, and opens a connection to it.
   *
   * @throws a coded error when nobody is there, or nobody whose certificate passes
   */
  introduce(address: PacketAddress, signal: AbortSignal): Promise<NodeId>
  /** `address` is the other end of the connection. */
  onPacket: ((bytes: Uint8Array, from: { nodeId: NodeId; address: PacketAddress }) => void) | null
}

/** Authenticates packets. */
export interface Seal {
  seal(bytes: Uint8Array): Uint8Array
  /** Undefined for what is not from a holder of the key, or is a repetition. */
  open(bytes: Uint8Array): Uint8Array | undefined
  /** Boot id of who sealed the last packet that opened. */
  readonly lastSender: string | null
  /** Why the last packet that did not open did not. */
  readonly lastRefusal: PacketRefusal | null
}

/** Why a packet does not open. */
export type PacketRefusal =
  | 'tooShort'
  | 'unknownVersion'
  /** Sealed with a key that this node does not hold. */
  | 'unknownKey'
  | 'reflected'
  | 'misdirected'
  | 'replayed'
  /** Sealed with a key of this node, and yet it does not open: most likely another cluster's. */
  | 'forged'

/** Where the first members may be. */
export interface Discovery {
  find(signal: AbortSignal): Promise<{
    readonly addresses: readonly PacketAddress[]
    /** Says why nothing was found. */
    readonly detail: string
  }>
}

/** What an earlier start left. */
export interface LoadedSnapshot {
  /** Null when nothing was kept, or nothing that can be used. */
  readonly snapshot: MembershipSnapshot | null
  /** Why what was kept cannot be used; null when it can, or nothing was. */
  readonly problem: NodosumError | null
}

/** Keeps what must survive a restart. */
export interface SnapshotStore {
  /** What cannot be used is no reason to reject: a node can do without. */
  load(): Promise<LoadedSnapshot>
  /** @throws `STORE_FULL`, `STORE_FAILED`; what was kept before then stays */
  save(snapshot: MembershipSnapshot): Promise<void>
}

/** Knows how long the event loop of this process held things back. */
export interface LoopDelay {
  /** The longest delay since it was last asked, in milliseconds. */
  takeMaxMs(): number
}
