/** What the driver needs of TLS and HTTP/2; Node's own fit through the adapters. */
import type { HostPort, TransportCredentials } from '@nodosum/transport'

/** One HTTP/2 stream; that of `node:http2` is one. */
export interface EngineStream {
  /** Copies nothing; `written` is called when the chunk went to the socket, or will not. */
  write(chunk: Uint8Array, written: () => void): boolean
  /** Half close; `ended` is called when everything before it went to the socket. */
  end(ended: () => void): unknown
  /** Bytes whose `written` has not been called. */
  readonly writableLength: number
  pause(): unknown
  resume(): unknown
  /** What waits behind a pause, or null. */
  read(): Uint8Array | null
  /** RST_STREAM. */
  close(code: number): void
  /** With which code the stream was closed; 0 when both directions ended. */
  readonly rstCode: number | undefined
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'end' | 'close', listener: () => void): unknown
}

/** A stream that this end asked for. */
export interface OpenedStream extends EngineStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'end' | 'close', listener: () => void): unknown
  on(event: 'response', listener: (headers: { readonly ':status'?: number }) => void): unknown
}

/** A request of the peer; nothing can be written before it was answered. */
export interface RequestedStream extends EngineStream {
  respond(headers: { ':status': number }, options: { endStream?: boolean; sendDate: boolean }): void
}

/** RST_STREAM code for a stream that nobody wants any more (RFC 9113, section 7). */
export const cancelCode = 8

/** An HTTP/2 session. */
export interface EngineSession {
  /** Opens a stream; for the dialing end only. Null when the session takes no more. */
  request(path: string): OpenedStream | null
  /** False when too many pings are outstanding, or the session is over; then nothing calls back. */
  ping(answered: (error: Error | null, roundTripMs: number) => void): boolean
  /** GOAWAY with these bytes; the session lives on until it is destroyed. */
  goaway(opaque: Uint8Array): void
  /** Ends it with all its streams, sending what is possible at once. */
  destroy(): void
}

export interface SessionEvents {
  /** A request of the peer; an empty path is one that no node would send. */
  requested(stream: RequestedStream, path: string): void
  /** The peer reset a request before anybody could look at it. */
  withdrawn(): void
  /** GOAWAY of the peer, with what it carried. */
  farewell(opaque: Uint8Array | undefined): void
  /** HTTP/2 itself has ended the session, for instance because the peer broke its rules. */
  failed(error: Error): void
}

/** What TLS says about the peer after the handshake. */
export interface PeerProof {
  /** Leaf first, each certificate in DER; empty when none was presented. */
  readonly chain: readonly Uint8Array[]
  /** Why TLS does not trust the chain; null when it does. */
  readonly distrust: string | null
  /** The application protocol that was agreed on; empty for none. */
  readonly protocol: string
  /** An earlier session was resumed: no certificate was checked now. */
  readonly isResumed: boolean
}

/** A TCP connection with TLS on it. */
export interface Link {
  readonly local: HostPort
  readonly remote: HostPort
  /** Bytes of TCP, so with what TLS and HTTP/2 add. */
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Once, after `secured`. */
  startSession(events: SessionEvents): EngineSession
  /** Instead of a session: says these bytes and half-closes. */
  refuse(bytes: Uint8Array): void
  /** At once. */
  destroy(): void
}

export interface LinkEvents {
  /** Called first, synchronously. */
  linked(link: Link): void
  secured(proof: PeerProof): void
  /** Called once, last; the error is null when the other end closed without trouble. */
  gone(error: Error | null): void
}

/** A port that accepts. */
export interface Door {
  readonly address: HostPort
  /** Accepts no more; resolves when the port is free. */
  close(): Promise<void>
}

/** TCP and TLS with the credentials of this node. */
export interface Network {
  dial(remote: HostPort, events: LinkEvents): void
  /**
   * @param visited is told of each connection; null resets it before anything is spent on TLS
   * @throws ERR_NODOSUM_LISTEN_FAILED when the system refuses, ERR_NODOSUM_CONFIG_INVALID for a
   *   host that is not an IP literal
   */
  open(host: string, port: number, visited: (remote: HostPort) => LinkEvents | null): Promise<Door>
  /** As `Transport.prepareCredentials`. */
  prepareCredentials(credentials: TransportCredentials): () => void
}
