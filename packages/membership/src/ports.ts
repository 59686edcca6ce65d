import type { MembershipSnapshot, PacketAddress } from './core/effects.ts'

/** Sends and receives packets; the facade wires it to the UDP port. */
export interface PacketPort {
  send(bytes: Uint8Array, to: PacketAddress): void
  onPacket: ((bytes: Uint8Array, from: PacketAddress) => void) | null
}

/** Authenticates packets. */
export interface Seal {
  seal(bytes: Uint8Array): Uint8Array
  /** Undefined for what is not from a holder of the key, or is a repetition. */
  open(bytes: Uint8Array): Uint8Array | undefined
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

/** Keeps what must survive a restart. */
export interface SnapshotStore {
  /** Undefined when nothing was kept. */
  load(): Promise<MembershipSnapshot | undefined>
  save(snapshot: MembershipSnapshot): Promise<void>
}

/** Knows how long the event loop of this process held things back. */
export interface LoopDelay {
  /** The longest delay since it was last asked, in milliseconds. */
  takeMaxMs(): number
}
