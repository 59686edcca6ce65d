/** The port of discovery: where a node finds the first members to talk to. */
import type { BootId, NodeId } from '@nodosum/kernel'

/** One end of a network path. */
export interface HostPort {
  /** IP literal, v4 or v6, never a name. */
  readonly host: string
  /** 1 to 65,535. */
  readonly port: number
}

/**
 * Why a look brought no address.
 *
 * `empty`: the source lists nobody. `notFound`: there is no such name, service or file.
 * `unreachable`, `timedOut`: whoever knows does not answer. `denied`: this node may not ask.
 * `malformed`: the answer has another form than is documented. `tooLarge`: it is above a limit.
 * `redirected`: it points elsewhere, which is never followed. `failed`: whoever knows says so.
 * `notConfigured`: there is nobody to ask.
 */
export type NothingFound =
  | 'empty'
  | 'notFound'
  | 'unreachable'
  | 'timedOut'
  | 'denied'
  | 'malformed'
  | 'tooLarge'
  | 'redirected'
  | 'failed'
  | 'notConfigured'

/** What one look brought. */
export interface Found {
  /** Without duplicates, bounded; in no promised order. They are hints: some may be dead. */
  readonly addresses: readonly HostPort[]
  /** Null when there is an address. */
  readonly reason: NothingFound | null
  /** One sentence for people: where it looked, what that brought, and what was wrong. */
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
   * Finding nothing is no error: `reason` and `detail` say why.
   *
   * @throws ERR_NODOSUM_CANCELLED when the signal aborts
   */
  find(signal: AbortSignal): Promise<Found>
  /** Makes this node findable, where the discovery keeps a list. */
  announce?(self: Announcement): Promise<void>
  /** Undoes `announce`. */
  withdraw?(): Promise<void>
}
