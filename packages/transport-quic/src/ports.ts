/** What the driver needs of a QUIC engine; the quiche binding fits through its adapter. */
import type { HostPort, TransportCredentials } from '@nodosum/transport'

/** What a close said: by QUIC itself or TLS (`isApp` false), or by the layers above. */
export interface EngineCloseError {
  readonly isApp: boolean
  readonly errorCode: number
  readonly reason: Uint8Array
}

/** One end of one QUIC connection, without a socket and without a timer. */
export interface EngineConnection {
  /** Changes the bytes it is given. A throw can leave something to send: flush afterwards. */
  recv(bytes: Uint8Array, path: { from: HostPort; to: HostPort }): number
  /** Fills the buffer with one datagram; null when there is nothing to send now. */
  send(buffer: Uint8Array): readonly [bytes: number, info: unknown] | null
  /** Null when nothing was readable; throws `StreamReset(code)` when the peer gave up. */
  streamRecv(stream: number, buffer: Uint8Array): readonly [bytes: number, end: boolean] | null
  /** Copies what fits; null when nothing fits; throws `StreamStopped(code)` or `StreamLimit`. */
  streamSend(stream: number, bytes: Uint8Array, end: boolean): number | null
  streamShutdown(stream: number, direction: 0 | 1, code: number): unknown
  streamCapacity(stream: number): number
  readable(): Iterable<number>
  isReadable(): boolean
  peerStreamsLeftBidi(): number
  /** Whole milliseconds, rounded down; null when no timer is needed. */
  timeout(): number | null
  onTimeout(): void
  sendAckEliciting(): void
  /** Queues an unreliable message (RFC 9221); throws when the peer takes none or not so long ones. */
  dgramSend(message: Uint8Array): unknown
  /** The length of the next message; null when there is none. */
  dgramRecv(buffer: Uint8Array): number | null
  dgramSendQueueLen(): number
  /** Removes the queued messages for which the function says so. */
  dgramPurgeOutgoing(isUnwanted: (message: Uint8Array) => boolean): void
  /** Null when the peer takes no messages. */
  dgramMaxWritableLen(): number | null
  close(app: boolean, code: number, reason: Uint8Array): unknown
  isEstablished(): boolean
  isResumed(): boolean
  isInEarlyData(): boolean
  isDraining(): boolean
  isClosed(): boolean
  isTimedOut(): boolean
  applicationProto(): Uint8Array
  peerCertChain(): Uint8Array[] | null
  peerError(): EngineCloseError | null
  localError(): EngineCloseError | null
  stats(): { readonly sent: number; readonly lost: number; readonly peerMaxIdleTimeout: number }
  pathStats(): readonly { readonly rtt: number; readonly cwnd: number }[]
}

/** What one connection is made of. */
export interface EngineConnectionOptions {
  /** This end's connection id, 20 bytes. */
  readonly id: Uint8Array
  readonly local: HostPort
  readonly remote: HostPort
  /** Largest datagram to send, 1,200 to 16,383 bytes. */
  readonly packetBytes: number
}

/** Makes connections that carry this node's certificate and settings. */
export interface Engine {
  dial(options: EngineConnectionOptions): EngineConnection
  accept(options: EngineConnectionOptions): EngineConnection
  /** The same with other credentials. Throws ERR_NODOSUM_CONFIG_INVALID for unusable ones. */
  withCredentials(credentials: TransportCredentials): Engine
}

/** `streamShutdown` directions. */
export const shutdownRead = 0
export const shutdownWrite = 1
