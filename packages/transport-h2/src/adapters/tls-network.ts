/** TCP and TLS: dialing, and a port that accepts. */
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContext, connect as secure } from 'node:tls'
import { NodosumError } from '@nodosum/kernel'
import { type HostPort, listenFailed, type TransportCredentials } from '@nodosum/transport'
import type { Door, LinkEvents, Network } from '../ports.ts'
import { intermediatesOf, secureContextOf, tlsOptionsOf } from './credentials.ts'
import type { SessionSettings } from './http2-session.ts'
import { hostOf, type LinkSetup, TlsLink } from './tls-link.ts'

/** ALPN: what firewalls and proxies know. The paths of requests carry this protocol's version. */
const protocols = ['h2']
/** Linux caps it at net.core.somaxconn, 4,096. */
const backlog = 1_024

/**
 * TLS does not refuse a peer here although its certificate may be bad: Node could only hang up,
 * and the other end would never learn why. The driver looks at the verdict before anything else is
 * done with the connection; there is no way around it, not by NODE_TLS_REJECT_UNAUTHORIZED either.
 */
const verdictIsLeftToTheDriver = { requestCert: true, rejectUnauthorized: false } as const

export interface TlsNetworkOptions {
  readonly credentials: TransportCredentials
  readonly settings: SessionSettings & { readonly connectTimeoutMs: number }
}

/** @throws ERR_NODOSUM_CONFIG_INVALID when the credentials cannot be used */
export function createTlsNetwork({ credentials, settings }: TlsNetworkOptions): Network {
  let current = presented(credentials, settings)
  const doors = new Set<TlsDoor>()
  return {
    dial: (remote, events) => dial(remote, current.secureContext, current.setup, events),
    open: async (host, port, visited) => {
      const closed = (door: TlsDoor): void => void doors.delete(door)
      const door = await TlsDoor.open(host, port, { ...current, settings, visited, closed })
      doors.add(door)
      return door
    },
    prepareCredentials: (fresh) => {
      const next = presented(fresh, settings)
      return () => {
        current = next
        for (const door of doors) door.present(next)
      }
    },
  }
}

/** What follows from credentials. */
interface Presented {
  readonly credentials: TransportCredentials
  readonly secureContext: SecureContext
  readonly setup: LinkSetup
}

function presented(credentials: TransportCredentials, settings: SessionSettings): Presented {
  const setup = { settings, intermediates: intermediatesOf(credentials) }
  return { credentials, secureContext: secureContextOf(credentials), setup }
}

function dial(
  remote: HostPort,
  secureContext: SecureContext,
  setup: LinkSetup,
  events: LinkEvents,
): void {
  const raw = connect({ host: remote.host, port: remote.port, noDelay: true })
  const link = new TlsLink('dialer', raw, remote, setup, events)
  raw.once('connect', () => {
    const socket = secure({
      ...verdictIsLeftToTheDriver,
      socket: raw,
      secureContext,
      ALPNProtocols: protocols,
      // Nodes have no DNS names; the driver checks the name in the certificate.
      checkServerIdentity: () => undefined,
    })
    socket.on('error', link.failed)
    socket.once('secureConnect', () => link.secured(socket))
  })
}

interface DoorParts extends Presented {
  readonly settings: TlsNetworkOptions['settings']
  readonly visited: (remote: HostPort) => LinkEvents | null
  readonly closed: (door: TlsDoor) => void
}

/** A TCP port in front of a TLS server: whoever is not admitted costs no TLS. */
class TlsDoor implements Door {
  readonly #server: Server
  readonly #tls: ReturnType<typeof createTlsServer>
  readonly #visited: DoorParts['visited']
  readonly #closed: DoorParts['closed']
  #setup: LinkSetup
  /** Links whose handshake is under way, by the other end's address. */
  readonly #handshaking = new Map<string, TlsLink>()
  #address: HostPort = { host: '', port: 0 }

  private constructor({ credentials, settings, setup, visited, closed }: DoorParts) {
    this.#setup = setup
    this.#visited = visited
    this.#closed = closed
    this.#tls = createTlsServer({
      ...verdictIsLeftToTheDriver,
      ...tlsOptionsOf(credentials),
      ALPNProtocols: protocols,
      // The driver's own limit is shorter; this one takes care of a socket nobody waits for.
      handshakeTimeout: settings.connectTimeoutMs * 2,
    })
    this.#tls.on('secureConnection', (socket) => {
      this.#handshaking.get(keyOf(socket))?.secured(socket)
    })
    this.#tls.on('tlsClientError', (error, socket) => {
      this.#handshaking.get(keyOf(socket))?.failed(error)
    })
    this.#server = createServer({ noDelay: true }, (raw) => this.#accept(raw))
    // Such as too many open files: the next connection may work again.
    this.#server.on('error', () => {})
  }

  static async open(host: string, port: number, parts: DoorParts): Promise<TlsDoor> {
    const door = new TlsDoor(parts)
    await listening(door.#server, host, port)
    const address = door.#server.address()
    const bound = typeof address === 'object' && address !== null ? address.port : port
    door.#address = { host, port: bound }
    return door
  }

  get address(): HostPort {
    return this.#address
  }

  /** Handshakes that begin from now on present these credentials. */
  present({ credentials, setup }: Presented): void {
    this.#setup = setup
    this.#tls.setSecureContext(tlsOptionsOf(credentials))
  }

  close(): Promise<void> {
    this.#closed(this)
    // Its callback would wait for connections, and those live on.
    this.#server.close()
    return new Promise((resolve) => void setImmediate(resolve))
  }

  #accept(raw: Socket): void {
    const { remoteAddress, remotePort } = raw
    if (remoteAddress === undefined || remotePort === undefined) {
      raw.destroy()
      return
    }
    const remote = { host: hostOf(remoteAddress), port: remotePort }
    const events = this.#visited(remote)
    if (events === null) {
      // Without an answer of TLS, and without the state that an orderly close would leave here.
      raw.on('error', () => {})
      raw.resetAndDestroy()
      return
    }
    const link = new TlsLink('acceptor', raw, remote, this.#setup, events)
    const key = keyOf(raw)
    this.#handshaking.set(key, link)
    raw.once('close', () => this.#handshaking.delete(key))
    this.#tls.emit('connection', raw)
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function listening(server: Server, host: string, port: number): Promise<void> {
  if (isIP(host) === 0) {
    const message =
      'listen.host must be an IP address of this machine (or 0.0.0.0, ::), ' +
      `got ${JSON.stringify(host)}`
    return Promise.reject(new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message))
  }
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      reject(listenFailed('TCP', { host, port }, error))
    server.once('error', failed)
    // Exclusive: in a worker of node:cluster the primary would share one socket.
    server.listen({ host, port, backlog, exclusive: true }, () => {
      server.removeListener('error', failed)
      resolve()
    })
  })
}
