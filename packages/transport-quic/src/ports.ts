/** What the driver needs of a QUIC engine and of who keeps strangers out. */
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
  /** The id under which the peer gets packets. */
  destinationId(): Uint8Array
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
  stats(): EngineStats
  pathStats(): readonly { readonly rtt: number; readonly cwnd: number }[]
}

/** What an engine has counted. */
export interface EngineStats {
  /** Packets of the peer: those that it could decrypt and has not had before. */
  readonly recv: number
  readonly recvBytes: number
  readonly lost: number
  readonly peerMaxIdleTimeout: number
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

/** An acceptor's end. */
export interface EngineAcceptOptions extends EngineConnectionOptions {
  /** After a Retry: whom the dialer called first; `id` is then the one that the Retry named. */
  readonly originalId?: Uint8Array
}

/** A demand to come again with a token, in the words of the dialer's packet. */
export interface RetryOptions {
  /** Source id of the dialer's packet. */
  readonly sourceId: Uint8Array
  /** Destination id of the dialer's packet. */
  readonly destinationId: Uint8Array
  /** Whom the dialer is to call next. */
  readonly retryId: Uint8Array
  readonly token: Uint8Array
}

/** Makes connections that carry this node's certificate and settings. */
export interface Engine {
  dial(options: EngineConnectionOptions): EngineConnection
  accept(options: EngineAcceptOptions): EngineConnection
  /** A Retry packet (RFC 9000, section 17.2.5). */
  retry(options: RetryOptions): Uint8Array
  /** The same with other credentials. Throws ERR_NODOSUM_CONFIG_INVALID for unusable ones. */
  withCredentials(credentials: TransportCredentials): Engine
}

/** `streamShutdown` directions. */
export const shutdownRead = 0
export const shutdownWrite = 1

/**
 * Seals what must not reach a parser before it is known to come from the cluster. The packet seal
 * of `@nodosum/security` fits.
 */
export interface DatagramSeal {
  /**
   * Only the recipient opens it, and only once. The first byte is of the kind `handshake`
   * (`datagramKind`).
   */
  seal(bytes: Uint8Array, recipient: string): Uint8Array
  /** The content; undefined when it was not sealed for this process, was changed, or came before. */
  open(bytes: Uint8Array): Uint8Array | undefined
  /** The process that sealed what opened last. */
  readonly lastSender: string | null
}

/** What keeps handshakes inside the cluster. */
export interface SealedHandshakes {
  readonly seal: DatagramSeal
  /** What sealing adds to a datagram. */
  readonly overheadBytes: number
  /** The process at this address, as far as anybody admitted is known there. */
  readonly processAt: (address: HostPort) => string | undefined
}

/** What a token of a Retry is good for. */
export interface RetryGrant {
  readonly from: HostPort
  readonly retryId: Uint8Array
}

/** Makes and checks the tokens of Retry packets. */
export interface RetryTokens {
  issue(grant: RetryGrant & { readonly originalId: Uint8Array }, nowMs: number): Uint8Array
  /** The original id; undefined for a token that was made up, changed, is of another, or too old. */
  check(token: Uint8Array, grant: RetryGrant, nowMs: number): Uint8Array | undefined
}
