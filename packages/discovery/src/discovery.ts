/** The port of discovery: where a node finds the first members to talk to. */
import type { BootId, NodeId } from '@nodosum/kernel'

/** One end of a network path. */
export interface HostPort {
  /** IP literal, v4 or v6, never a name. */
  readonly host: string
  /** 1 to 65,535. */
  readonly port: number
}

/** What one look brought. */
export interface Found {
  /** Without duplicates, bounded; in no promised order. They are hints: some may be dead. */
  readonly addresses: readonly HostPort[]
  /** One sentence for people; says why when nothing was found. */
  readonly detail: string
}

/** What a node says of itself to a discovery that keeps a list. */
export interface Announcement {
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly address: HostPort
}

/** A way to find members. Asked again and again: at each join and while a node is alone. */
export interface Discovery {
  /**
   * Looks once.
   *
   * Finding nothing is no error: `detail` says why.
   *
   * @throws ERR_NODOSUM_CANCELLED when the signal aborts
   */
  find(signal: AbortSignal): Promise<Found>
  /** Makes this node findable, where the discovery keeps a list. */
  announce?(self: Announcement): Promise<void>
  /** Undoes `announce`. */
  withdraw?(): Promise<void>
}
