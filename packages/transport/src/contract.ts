/**
 * The transport contract: what every transport (QUIC, HTTP/2, simulated) gives to the layers above.
 *
 * A connection is authenticated both ways and disposable; sequence, ack and resume live above it.
 * A byte stream is push-based and synchronous, because that is what is fast. Every callback is
 * called from the event loop, one at a time; a callback that throws ends its connection and
 * nothing else.
 */
import type { NodeId, NodosumError } from '@nodosum/kernel'

/** One end of a network path. */
export interface HostPort {
  /** IP literal, v4 or v6, never a name: resolving names is the business of discovery. */
  readonly host: string
  /** 1 to 65,535; 0 only where a caller asks for any free port. */
  readonly port: number
}

/** Who is at the other end, taken from the certificate after every check passed. */
export interface PeerIdentity {
  /** The node the certificate names; null for a role certificate that replicas share. */
  readonly nodeId: NodeId | null
  /** The URI subject alternative name, for example `spiffe://shop/nodosum/shop/shop-1`. */
  readonly uri: string
  /** SHA-256 of the leaf certificate in DER, 64 lower-case hexadecimal characters. */
  readonly fingerprint: string
  /** When the certificate ends, in milliseconds since 1970 (UTC). */
  readonly notAfterMs: number
}

/**
 * Checks the chain that a peer presented, leaf first, each certificate in DER. Called once per
 * connection, after the handshake and before any stream is surfaced.
 *
 * @throws NodosumError of class `security`; its code becomes the reason of the refusal.
 */
export type VerifyPeer = (chainDer: readonly Uint8Array[]) => PeerIdentity

/** Why a connection ended. */
export interface CloseReason {
  /** 0 is orderly; the rest is the closer's number, 0 to 2^53-1. */
  readonly code: number
  /** At most 128 bytes of UTF-8; empty when nobody said anything. */
  readonly reason: string
  /** True when the peer decided, false when this end did (also by its timers). */
  readonly remote: boolean
  /** Null after an orderly close of either side, else what went wrong. */
  readonly error: NodosumError | null
}

/** An ordered, reliable lane of bytes in both directions, with its own flow control. */
export interface ByteStream {
  /** Unique in its connection, both ends use the same number. */
  readonly id: number
  /**
   * Queues a chunk and takes ownership of the view until it is sent: the caller must not change
   * those bytes afterwards. The chunk is always accepted on a live stream; `false` asks to stop
   * until `onWritable`, and memory is bounded only if the caller does. On a dead or ended stream
   * the chunk is discarded and `false` returned (`onReset` says that it died). Never throws.
   */
  write(chunk: Uint8Array): boolean
  /** Bytes accepted by `write` and not yet taken by the transport's own send buffer. */
  readonly bufferedBytes: number
  /** Called once after `write` returned false, when the queue is below half of its limit. */
  onWritable: (() => void) | null
  /**
   * Called with bytes in order. The chunk stays valid: its memory is not reused. Called only while
   * not paused. Bytes that arrive while it is null wait in the transport's window.
   */
  onData: ((chunk: Uint8Array) => void) | null
  /** The peer half-closed; called once, after the last `onData`. */
  onEnd: (() => void) | null
  /**
   * The stream died with this code: the peer reset it or stopped reading it, or the connection
   * closed (then the code is the connection's). Called at most once, also while paused, and at once
   * when set on a stream that died before; never after a `reset` of this end, never after both
   * directions ended in order.
   */
  onReset: ((code: number) => void) | null
  /** Stops `onData`, also when called inside `onData`; the peer is bounded by the window. */
  pause(): void
  /** Continues reading, on a later turn of the event loop. Nothing happens when not paused. */
  resume(): void
  /** Half close: the peer gets `onEnd` after everything written before. Later writes are refused. */
  end(): void
  /**
   * Gives up both directions at once; queued and unread bytes are discarded.
   *
   * @param code 0 to 2^53-1; a number out of range is a programmer's error and throws.
   */
  reset(code: number): void
}

/** A reading of one connection. Counters start at 0 with the connection. */
export interface ConnectionStats {
  /** Smoothed round trip time in milliseconds; 0 before the first sample. */
  readonly rttMs: number
  /** Bytes handed to the network, with packet overhead. */
  readonly sentBytes: number
  /** Bytes taken from the network, with packet overhead. */
  readonly receivedBytes: number
  /** Packets declared lost (and what they carried resent). */
  readonly lostPackets: number
  /** Congestion window in bytes; 0 where the transport does not know it. */
  readonly congestionWindowBytes: number
  /** Sum of `bufferedBytes` over its streams. */
  readonly bufferedBytes: number
  /** Streams that are open in at least one direction. */
  readonly streams: number
}

/** An authenticated connection between two nodes. */
export interface Connection {
  readonly kind: 'quic' | 'h2' | 'simulated'
  /** Who dialed. */
  readonly role: 'dialer' | 'acceptor'
  readonly local: HostPort
  readonly remote: HostPort
  readonly peer: PeerIdentity
  /**
   * Opens a stream; the peer hears of it with the first bytes (or the end) written to it.
   *
   * @throws ERR_NODOSUM_LIMIT_STREAMS when the peer grants no more streams now;
   *   ERR_NODOSUM_CONNECTION_LOST when the connection is closing or closed.
   */
  openStream(): ByteStream
  /**
   * A stream the peer opened. Set it synchronously when handed the connection; streams that came
   * earlier are delivered when it is set.
   */
  onStream: ((stream: ByteStream) => void) | null
  /** A fresh reading; cheap enough for once a second, not for every message. */
  stats(): ConnectionStats
  /**
   * Stops new streams, sends what was written and waits until the peer's transport has it (bounded
   * by the transport's closeTimeoutMs), then closes and tells the peer. Never rejects; calling it
   * again returns the same promise.
   *
   * @param reason code 0 to 2^53-1 (default 0) and at most 128 bytes of text (more is cut)
   */
  close(reason?: { readonly code?: number; readonly reason?: string }): Promise<void>
  /** Resolves when the connection is gone, with the reason; never rejects. */
  readonly closed: Promise<CloseReason>
  /** The same, called synchronously; called at once when set on a closed connection. */
  onClosed: ((reason: CloseReason) => void) | null
}

/** What accepts connections. */
export interface Listener {
  readonly address: HostPort
  /** Accepts no more; connections that exist live on. Never rejects. */
  close(): Promise<void>
}

/** Options of one dial. */
export interface ConnectOptions {
  /** Gives up with ERR_NODOSUM_CANCELLED when it aborts. */
  readonly signal?: AbortSignal
  /** The certificate must name this node, if it names one: else ERR_NODOSUM_IDENTITY_MISMATCH. */
  readonly expect?: NodeId
}

/** One connection as inspection shows it. */
export interface ConnectionSnapshot {
  readonly role: Connection['role']
  readonly remote: HostPort
  /** Null until the peer's certificate passed. */
  readonly peer: PeerIdentity | null
  readonly state: 'handshaking' | 'open' | 'closing'
  readonly ageMs: number
  readonly stats: ConnectionStats
}

/** What a transport tells about itself. */
export interface TransportSnapshot {
  readonly kind: Connection['kind']
  /** Null while nobody listens. */
  readonly listening: HostPort | null
  readonly connections: readonly ConnectionSnapshot[]
  /** Counters since the transport was made, by name; they only grow. */
  readonly counters: Readonly<Record<string, number>>
}

/** A way to reach other nodes. */
export interface Transport {
  readonly kind: Connection['kind']
  /**
   * Accepts connections and hands each over once it is authenticated.
   *
   * @throws ERR_NODOSUM_LISTEN_FAILED when it cannot listen; ERR_NODOSUM_SHUT_DOWN after `close`.
   */
  listen(onConnection: (connection: Connection) => void): Promise<Listener>
  /**
   * Resolves to a connection whose peer's certificate passed every check of this end. The peer may
   * still refuse ours a moment later: that shows as `closed` with a coded error.
   *
   * @throws ERR_NODOSUM_CONNECT_TIMEOUT, CERT_UNTRUSTED, CERT_EXPIRED, IDENTITY_MISMATCH,
   *   CANCELLED, CONNECTION_LOST, LIMIT_CONNECTIONS, SHUT_DOWN, or CONFIG_INVALID for an address that
   *   is not an IP literal with a port
   */
  connect(remote: HostPort, options?: ConnectOptions): Promise<Connection>
  snapshot(): TransportSnapshot
  /** Closes every connection and everything else: no socket and no timer of it remains. */
  close(): Promise<void>
}
