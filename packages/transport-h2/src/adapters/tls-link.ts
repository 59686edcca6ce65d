import type { Socket } from 'node:net'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { invariant } from '@nodosum/kernel'
import type { HostPort } from '@nodosum/transport'
import type { EngineSession, Link, LinkEvents, PeerProof, SessionEvents } from '../ports.ts'
import { type SessionSettings, startSession } from './http2-session.ts'

/** A chain longer than this is no chain of this library's verifier either. */
const chainLengthMax = 16
const mappedPrefix = '::ffff:'

/** What the links of a node have in common. */
export interface LinkSetup {
  readonly settings: SessionSettings
  /** What this node presents beside its own certificate, in DER. */
  readonly intermediates: readonly Uint8Array[]
}

/** A TCP socket, and the TLS on it once it is there. */
export class TlsLink implements Link {
  readonly remote: HostPort
  readonly #role: 'dialer' | 'acceptor'
  readonly #raw: Socket
  readonly #setup: LinkSetup
  readonly #events: LinkEvents
  #local: HostPort
  #tls: TLSSocket | null = null
  #error: Error | null = null

  constructor(
    role: 'dialer' | 'acceptor',
    raw: Socket,
    remote: HostPort,
    setup: LinkSetup,
    events: LinkEvents,
  ) {
    this.#role = role
    this.#raw = raw
    this.remote = remote
    this.#local = { host: hostOf(raw.localAddress), port: raw.localPort ?? 0 }
    this.#setup = setup
    this.#events = events
    events.linked(this)
    raw.on('error', this.failed)
    raw.once('close', () => {
      this.#tls?.destroy()
      events.gone(this.#error)
    })
  }

  get local(): HostPort {
    // A dialing socket has no address before it is connected, and none any more when it is closed.
    const { localAddress, localPort } = this.#raw
    if (this.#local.port === 0 && localPort !== undefined) {
      this.#local = { host: hostOf(localAddress), port: localPort }
    }
    return this.#local
  }

  get receivedBytes(): number {
    return this.#raw.bytesRead
  }

  get sentBytes(): number {
    return this.#raw.bytesWritten
  }

  /** The first error is the cause of those that follow. */
  readonly failed = (error: Error): void => {
    this.#error ??= error
  }

  /** The handshake of TLS is done; what it is worth is for the driver to say. */
  secured(socket: TLSSocket): void {
    this.#tls = socket
    socket.on('error', this.failed)
    this.#events.secured(proofOf(socket, this.#setup.intermediates))
  }

  startSession(events: SessionEvents): EngineSession {
    invariant(this.#tls !== null, 'a session starts after the handshake of TLS')
    return startSession(this.#tls, this.#role, this.#setup.settings, events)
  }

  refuse(bytes: Uint8Array): void {
    // Unread bytes would turn the close into a reset, which can overtake the refusal.
    this.#tls?.resume()
    this.#tls?.end(bytes)
  }

  destroy(): void {
    this.#tls?.destroy()
    this.#raw.destroy()
  }
}

export function hostOf(address: string | undefined): string {
  return address?.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : (address ?? '')
}

function proofOf(socket: TLSSocket, ownIntermediates: readonly Uint8Array[]): PeerProof {
  return {
    chain: chainOf(socket, ownIntermediates),
    distrust: socket.authorized ? null : String(socket.authorizationError),
    protocol: socket.alpnProtocol || '',
    isResumed: socket.isSessionReused(),
  }
}

/**
 * The chain that TLS shows. Some versions of Node show an accepting end only the leaf
 * (nodejs/node#65579); then the intermediates that this node presents itself stand in, as
 * candidates that the verifier trusts no more than those of a stranger.
 */
function chainOf(socket: TLSSocket, ownIntermediates: readonly Uint8Array[]): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // Without a certificate it is an empty object, and a root is its own issuer.
  while (certificate?.raw !== undefined && chain.length < chainLengthMax) {
    chain.push(certificate.raw)
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate
    certificate = issuer === certificate ? undefined : issuer
  }
  return chain.length === 1 ? [...chain, ...ownIntermediates] : chain
}
