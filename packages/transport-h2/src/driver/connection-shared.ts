import type { Logger, NodeId, Scheduler } from '@nodosum/kernel'
import type { CloseReason, HostPort, VerifyPeer } from '@nodosum/transport'
import type { Admitted } from '../core/admission.ts'
import type { H2Settings } from '../options.ts'
import type { H2Connection } from './h2-connection.ts'

/** What all connections of an endpoint share. */
export interface ConnectionShared {
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly verifyPeer: VerifyPeer
  readonly settings: H2Settings
  readonly counters: ConnectionCounters
  /** The peer's certificate passed, and ours the peer's check. */
  readonly opened: (connection: H2Connection) => void
  /** The connection is over; its socket may still be saying so. */
  readonly closed: (connection: H2Connection, reason: CloseReason) => void
  /** Its socket is gone too. */
  readonly gone: (connection: H2Connection) => void
}

/** What connections count in common. */
export interface ConnectionCounters {
  refusedStreams: number
  violations: number
  handshakeTimeouts: number
}

/** One connection. */
export interface ConnectionOptions {
  readonly role: 'dialer' | 'acceptor'
  readonly remote: HostPort
  readonly expect: NodeId | undefined
  /** Null when this end dialed. */
  readonly admitted: Admitted | null
}
