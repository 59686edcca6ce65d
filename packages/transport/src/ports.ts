/** What the pool needs of the layer that uses its connections. */
import type { NodeId, NodosumError } from '@nodosum/kernel'
import type { Connection } from './contract.ts'

/** Bytes that the peer takes at any time, whatever its handlers do: control, never payload. */
export interface OwedBytes {
  /** Not yet taken by the transport. */
  readonly waitingBytes: number
  /** Taken since the connection came up; it only grows. */
  readonly movedBytes: number
}

/** What a connection is used for, as the layer above says when it takes it into use. */
export interface ConnectionUse {
  /** The node at the other end, as the layer above has verified it. */
  readonly peer: NodeId
  /** A number that grows with everything that is said in either direction. */
  activity(): number
  /** True when nothing at this end is under way or waits. */
  isIdle(): boolean
  owed(): OwedBytes
  /**
   * Asks both ends to stop using the connection and closes it if both have nothing under way.
   * Resolves to whether it did.
   */
  retire(): Promise<boolean>
  /** Asks the other end, which dialed the connection, to replace it. */
  askToReplace(): void
  /** The connection is lost: ends its use at once, with this error, and opens another. */
  abandon(error: NodosumError): void
  /**
   * Goes on over another connection to the same peer, in use or not, and closes this one. Resolves
   * to whether it does; if not, the other connection stays the caller's.
   */
  moveTo(connection: Connection): Promise<boolean>
}
