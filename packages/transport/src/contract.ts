/**
 * The transport contract: what every transport (QUIC, HTTP/2, simulated) gives to the layers above.
 *
 * A connection is authenticated both ways and disposable; sequence, ack and resume live above it.
 * A byte stream is push-based and synchronous, because that is what is fast. Every callback is
 * called from the event loop, one at a time; a callback that throws ends its connection and
 * nothing else.
 *
 * `@nodosum/transport/conformance` holds a clause for each promise made here.
 */
import type { AbortSignal, NodeId, NodosumError } from '@nodosum/kernel'

/** Largest code of a stream reset or of a close: HTTP/2 carries 32 bits, so nobody gets more. */
export const codeMax: number = 0xffff_ffff

/** Longest text of a close, in bytes of UTF-8: it must fit into one packet. */
export const closeReasonBytesMax = 128

/** Pings of one connection that may wait for their answer at once; one more is refused. */
export const outstandingPingsMax = 16

/** The limits that every transport has, as options under these names. */
export interface TransportLimits {
  /** Connections of this node, dialed and accepted, also those still in their handshake. */
  readonly connectionsMax: number
  /** Streams of one connection at once, opened by either end. */
  readonly streamsMax: number
  /** Bytes that a peer may send on one stream beyond what `onData` has taken. */
  readonly streamWindowBytes: number
  /** Queued bytes of one stream above which `write` returns false. */
  readonly streamBufferBytes: number
  /** Queued bytes of one stream at which it is reset, since its writer ignores `false`. */
  readonly streamBufferBytesMax: number
  /** Silence of the peer after which a connection is lost, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Silence after which the peer is asked for a sign of life; at most half of `idleTimeoutMs`. */
  readonly keepAliveMs: number
  /** From the start of a handshake, dialed or accepted, to its end at the latest, milliseconds. */
  readonly connectTimeoutMs: number
  /** How long `close` waits until the peer has what was written, in milliseconds. */
  readonly closeTimeoutMs: number
}

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
  /** 0 is orderly, and also what is given when nobody said one; else the closer's, to 2^32-1. */
  readonly code: number
  /** At most 128 bytes of UTF-8; empty when nobody said anything. */
  readonly reason: string
  /** True when the peer decided, false when this end did (also by its timers). */
  readonly remote: boolean
  /**
   * Null at the end that closed, whatever its code, and after a close of the peer with code 0.
   * Else what went wrong: a close of the peer with another code and a death of the peer or of the
   * network are ERR_NODOSUM_CONNECTION_LOST, a refused certificate has the code of its refusal.
   */
  readonly error: NodosumError | null
}

/**
 * An ordered, reliable lane of bytes in both directions, with its own flow control: a stream whose
 * reader stops holds up no other stream of its connection. Chunks are not messages: they arrive
 * cut and joined in any way.
 */
export interface ByteStream {
  /** 0 to 2^53-1, unique in its connection; both ends use the same number. */
  readonly id: number
  /**
   * Queues a chunk and takes ownership of the view until it is sent: the caller must not change
   * those bytes afterwards. The chunk is always accepted on a live stream; `false` asks to stop
   * until `onWritable`, and memory is bounded only if the caller does: above `streamBufferBytesMax`
   * the stream is reset. On a dead or ended stream the chunk is discarded and `false` returned
   * (`onReset` says that it died). Never throws.
   */
  write(chunk: Uint8Array): boolean
  /** Bytes accepted by `write` and not yet taken by the transport's own send buffer; then 0. */
  readonly bufferedBytes: number
  /** Called once after `write` returned false, when the queue is at most half of its limit. */
  onWritable: (() => void) | null
  /**
   * Called with bytes in order. The chunk stays valid: its memory is not reused. Called only while
   * not paused. Bytes that arrive while it is null wait in the transport's window.
   */
  onData: ((chunk: Uint8Array) => void) | null
  /** The peer half-closed; called once, after the last `onData`, and like it not while paused. */
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
   * @param code 0 to 2^32-1 (`codeMax`), arrives as it is
   * @throws ERR_NODOSUM_INVARIANT_VIOLATED for a code out of range
   */
  reset(code: number): void
}

/** A reading of one connection. Counters start at 0 with the connection. */
export interface ConnectionStats {
  /** Smoothed round trip time in milliseconds as far as it is known; 0 before the first sample. */
  readonly rttMs: number
  /** Bytes handed to the network, with packet overhead. */
  readonly sentBytes: number
  /** Packets handed to the network; 0 where the system hides them. */
  readonly sentPackets: number
  /** Bytes taken from the network, with packet overhead. */
  readonly receivedBytes: number
  /** Packets declared lost (and what they carried resent); 0 where the system hides them. */
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
   * A stream beyond the peer's own `streamsMax` is either refused here or reset by the peer.
   *
   * @throws ERR_NODOSUM_LIMIT_STREAMS when this end has `streamsMax` streams or the peer grants no
   *   more now; ERR_NODOSUM_CONNECTION_LOST when the connection is closing or closed.
   */
  openStream(): ByteStream
  /**
   * A stream the peer opened. Set it synchronously when handed the connection; streams that came
   * earlier are delivered when it is set.
   */
  onStream: ((stream: ByteStream) => void) | null
  /**
   * Asks the peer's transport code for an answer and measures the round trip, in milliseconds (with
   * fractions). A stalled application does not hold the answer up; a stalled process does. It has
   * no time limit of its own: give it an `AbortSignal.timeout()`. A ping that was cancelled counts
   * as outstanding until its answer comes or the connection ends.
   *
   * @throws ERR_NODOSUM_CONNECTION_LOST when the connection is closing or closed, or ends before
   *   the answer; ERR_NODOSUM_CANCELLED when the signal aborts; ERR_NODOSUM_LIMIT_PENDING when
   *   `outstandingPingsMax` (16) wait already
   */
  ping(options?: { readonly signal?: AbortSignal }): Promise<number>
  /** A fresh reading; cheap enough for once a second, not for every message. */
  stats(): ConnectionStats
  /**
   * Stops new streams and writes, sends what was written and waits until the peer's transport has
   * it (bounded by `closeTimeoutMs`), then closes and tells the peer. What the peer has of it is
   * delivered to its application before it hears of the close. Never rejects; calling it again
   * returns the same promise, and the first reason holds.
   *
   * @param reason code 0 to 2^32-1 (default 0) and at most 128 bytes of UTF-8 (more is cut, between
   *   two characters)
   * @throws ERR_NODOSUM_INVARIANT_VIOLATED for a code out of range
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
  /** Accepts no more; connections that exist live on. Never rejects. `listen` works again then. */
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

/** PEM texts of a node's identity. */
export interface TransportCredentials {
  /** Leaf first, then intermediates. */
  readonly certificatePem: string
  /** PKCS #8. */
  readonly keyPem: string
  /** One or more CA certificates that peers must chain to. */
  readonly caPem: string
}

/** A way to reach other nodes. */
export interface Transport {
  readonly kind: Connection['kind']
  /**
   * Accepts connections and hands each over once the dialer's certificate passed every check. The
   * dialer may still refuse ours a moment later: that shows as `closed` with a coded error. Whatever else reaches the
   * port (garbage, strangers, other protocols) is refused or ignored, bounded and counted.
   *
   * @throws ERR_NODOSUM_LISTEN_FAILED when it cannot listen, also when it does already;
   *   ERR_NODOSUM_SHUT_DOWN after `close`.
   */
  listen(onConnection: (connection: Connection) => void): Promise<Listener>
  /**
   * Resolves to a connection whose peer's certificate passed every check of this end. The peer may
   * still refuse ours a moment later: that shows as `closed` with a coded error.
   *
   * @throws ERR_NODOSUM_CONNECT_TIMEOUT after `connectTimeoutMs`; CERT_UNTRUSTED, CERT_EXPIRED or
   *   IDENTITY_MISMATCH when an end refuses the other; VERSION_INCOMPATIBLE when the peer speaks
   *   another version of the protocol; LIMIT_CONNECTIONS at `connectionsMax` of this end (that of
   *   the peer shows as CONNECT_TIMEOUT, CONNECTION_LOST or LIMIT_CONNECTIONS, as far as it
   *   answers); CANCELLED; CONNECTION_LOST; SHUT_DOWN; CONFIG_INVALID for an address that is not an
   *   IP literal with a port from 1 to 65,535
   */
  connect(remote: HostPort, options?: ConnectOptions): Promise<Connection>
  snapshot(): TransportSnapshot
  /**
   * Checks new credentials and returns what puts them into force: connections that come up
   * afterwards present them, others are not touched. Absent where a transport has no certificates.
   *
   * @throws ERR_NODOSUM_CONFIG_INVALID when they cannot be used; the old ones stay in force
   */
  prepareCredentials?(credentials: TransportCredentials): () => void
  /**
   * Closes every connection in order and everything else: no socket and no timer of it remains.
   * Dials under way reject with ERR_NODOSUM_SHUT_DOWN. Never rejects; idempotent.
   */
  close(): Promise<void>
}
