import type { Logger, NodeId, Scheduler } from '@nodosum/kernel'
import type { CloseReason, HostPort, VerifyPeer } from '@nodosum/transport'
import type { EngineConnection } from '../ports.ts'
import type { ConnectionTimers } from './connection-timers.ts'
import type { Outlet } from './outlet.ts'
import type { PacketSender } from './packet-sender.ts'
import type { PathSizes } from './path-sizes.ts'
import type { QuicConnection } from './quic-connection.ts'
import type { ReceiveSlab } from './receive-slab.ts'

/** What all connections of an endpoint share. */
export interface ConnectionShared {
  readonly local: HostPort
  readonly sender: PacketSender
  readonly timers: ConnectionTimers
  readonly pathSizes: PathSizes
  readonly scheduler: Scheduler
  readonly randomBytes: (length: number) => Uint8Array
  readonly logger: Logger
  readonly slab: ReceiveSlab
  readonly gatherBuffer: Buffer
  readonly verifyPeer: VerifyPeer
  readonly protocol: string
  readonly settings: ConnectionSettings
  /** Asks for one turn of this connection. */
  readonly schedule: (connection: QuicConnection) => void
  /** The peer's certificate passed. */
  readonly opened: (connection: QuicConnection) => void
  /** The connection is over; its ids may still be needed to answer late packets. */
  readonly closed: (connection: QuicConnection, reason: CloseReason) => void
  /** Nothing of the connection is needed any more. */
  readonly release: (connection: QuicConnection) => void
}

/** The options that concern one connection. */
export interface ConnectionSettings {
  readonly idleTimeoutMs: number
  readonly keepAliveMs: number
  readonly connectTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly streamsMax: number
  readonly streamBufferBytes: number
  readonly streamBufferBytesMax: number
  readonly streamWindowBytes: number
  readonly unreadBytesMax: number
  readonly keyPacketsMax: number
}

/** One connection. */
export interface ConnectionOptions {
  readonly role: 'dialer' | 'acceptor'
  readonly engine: EngineConnection
  /** The way to the peer. */
  readonly outlet: Outlet
  /** Ids under which packets reach it; the endpoint's routing keys. */
  readonly routes: readonly string[]
  readonly expect: NodeId | undefined
}
