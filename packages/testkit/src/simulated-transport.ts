import {
  type AbortSignal,
  isNodosumError,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import {
  checkChain,
  encodeCertificate,
  type SimulatedCertificate,
  simulatedIdentity,
} from './simulated-certificate.ts'
import { type ConnectionShared, SimulatedConnection } from './simulated-connection.ts'
import type { SimulatedLink } from './simulated-link.ts'
import type { SimulatedMesh } from './simulated-mesh.ts'
import type {
  CloseReason,
  Connection,
  ConnectOptions,
  HostPort,
  Listener,
  PeerIdentity,
  TransportLimits,
  TransportSnapshot,
  VerifyPeer,
} from './transport-shapes.ts'

/** What a simulated transport is made of. */
export interface SimulatedTransportOptions {
  /** Where it listens and dials from; nobody else's. An IP literal with a port. */
  readonly address: HostPort
  /** Null: it presents none, and nobody lets it in. */
  readonly certificate: SimulatedCertificate | null
  /** The only CA that it trusts. */
  readonly authority: string
  /** Called after the checks of TLS; default {@link simulatedIdentity}, which takes everybody. */
  readonly verifyPeer?: VerifyPeer
  readonly limits?: Partial<TransportLimits>
  /** What both ends must speak; default `nodosum/1`. */
  readonly protocol?: string
  /** The clock of its process, such as that of a `SimulatedProcess`; default: the mesh's. */
  readonly scheduler?: Scheduler
}

/** As the defaults of the QUIC transport. */
const defaultLimits: TransportLimits = {
  connectionsMax: 1_024,
  streamsMax: 1_024,
  streamWindowBytes: 4_194_304,
  streamBufferBytes: 1_048_576,
  streamBufferBytesMax: 134_217_728,
  idleTimeoutMs: 10_000,
  keepAliveMs: 3_000,
  connectTimeoutMs: 5_000,
  closeTimeoutMs: 2_000,
}

interface PendingDial {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: NodosumError) => void
}

/** The transport contract on simulated time and a simulated path. Made by `mesh.transport()`. */
export class SimulatedTransport {
  readonly kind = 'simulated'
  readonly #mesh: SimulatedMesh
  readonly #scheduler: Scheduler
  readonly #address: HostPort
  readonly #limits: TransportLimits
  readonly #shared: ConnectionShared
  readonly #live = new Set<SimulatedConnection>()
  readonly #dials = new Map<SimulatedConnection, PendingDial>()
  readonly #counters = { accepted: 0, dialed: 0, refusedIdentity: 0, refusedConnectionLimit: 0 }
  #onConnection: ((connection: Connection) => void) | null = null
  #closing: Promise<void> | null = null

  constructor(
    mesh: SimulatedMesh,
    parts: { readonly scheduler: Scheduler; readonly random: Random },
    options: SimulatedTransportOptions,
  ) {
    const { certificate, authority, verifyPeer = simulatedIdentity } = options
    this.#mesh = mesh
    this.#scheduler = parts.scheduler
    this.#address = options.address
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#shared = {
      ...parts,
      limits: this.#limits,
      protocol: options.protocol ?? 'nodosum/1',
      chain: certificate === null ? [] : [encodeCertificate(certificate)],
      check: (chain, expect) => {
        checkChain(chain, authority, parts.scheduler.wallMs())
        return expected(verified(verifyPeer, chain), expect)
      },
      opened: (connection) => this.#opened(connection),
      ended: (connection, reason) => this.#ended(connection, reason),
    }
  }

  listen(onConnection: (connection: Connection) => void): Promise<Listener> {
    if (this.#closing !== null) return Promise.reject(shutDown())
    if (this.#onConnection !== null) {
      const { host, port } = this.#address
      const message = `the simulated transport listens on ${host} port ${port} already`
      return Promise.reject(new NodosumError('ERR_NODOSUM_LISTEN_FAILED', message))
    }
    this.#onConnection = onConnection
    const close = (): Promise<void> => {
      if (this.#onConnection === onConnection) this.#onConnection = null
      return Promise.resolve()
    }
    return Promise.resolve({ address: this.#address, close })
  }

  connect(remote: HostPort, options: ConnectOptions = {}): Promise<Connection> {
    const refusal = this.#dialRefusal(remote, options)
    if (refusal !== null) return Promise.reject(refusal)
    const connection = new SimulatedConnection(this.#shared, {
      role: 'dialer',
      link: this.#mesh.link(this.#address, remote),
      local: this.#address,
      remote,
      expect: options.expect,
    })
    this.#counters.dialed += 1
    this.#live.add(connection)
    const dialed = new Promise<Connection>((resolve, reject) => {
      this.#dials.set(connection, { resolve, reject })
    })
    return options.signal === undefined ? dialed : abortable(dialed, connection, options.signal)
  }

  /** Somebody dials; what it says first comes through the link. Null: nobody answers. */
  accept(link: SimulatedLink, remote: HostPort): SimulatedConnection | null {
    if (this.#onConnection === null) return null
    if (this.#live.size >= this.#limits.connectionsMax) {
      this.#counters.refusedConnectionLimit += 1
      return null
    }
    const place = { role: 'acceptor', link, local: this.#address, remote } as const
    const connection = new SimulatedConnection(this.#shared, place)
    this.#counters.accepted += 1
    this.#live.add(connection)
    return connection
  }

  snapshot(): TransportSnapshot {
    const connections = []
    for (const connection of this.#live) {
      const one = connection.snapshot()
      if (one !== null) connections.push(one)
    }
    const listening = this.#onConnection === null ? null : this.#address
    return { kind: this.kind, listening, connections, counters: { ...this.#counters } }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends it as `kill -9` ends a process: silently, and no callback runs any more. */
  kill(): void {
    this.#closing = Promise.resolve()
    this.#onConnection = null
    for (const connection of this.#live) connection.kill()
    this.#live.clear()
    this.#dials.clear()
    this.#mesh.detach(this.#address)
  }

  /**
   * Ends it as silently for everybody else, while its own users hear that their connections are
   * lost: for a process that is killed in a test and shares the event loop with the test.
   */
  sever(): void {
    this.#closing = Promise.resolve()
    this.#onConnection = null
    for (const connection of [...this.#live]) connection.broken()
    this.#mesh.detach(this.#address)
  }

  async #close(): Promise<void> {
    this.#onConnection = null
    const closes = [...this.#live].map((connection) => {
      if (connection.isHandshaking) connection.abort({ code: 0, reason: '', error: shutDown() })
      return connection.close({ code: 0, reason: 'shutting down' })
    })
    await Promise.all(closes)
    this.#mesh.detach(this.#address)
  }

  #dialRefusal(remote: HostPort, options: ConnectOptions): NodosumError | null {
    if (this.#closing !== null) return shutDown()
    if (options.signal?.aborted === true) return cancelled(remote)
    if (!isIpLiteral(remote.host) || !isPort(remote.port)) {
      const message = `a peer needs an IP address and a port, got ${JSON.stringify(remote)}`
      return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
    }
    const { connectionsMax } = this.#limits
    if (this.#live.size < connectionsMax) return null
    const message = `this node has ${connectionsMax} connections, its limit (connectionsMax)`
    return new NodosumError('ERR_NODOSUM_LIMIT_CONNECTIONS', message)
  }

  #opened(connection: SimulatedConnection): void {
    if (connection.role === 'dialer') {
      this.#dials.get(connection)?.resolve(connection)
      this.#dials.delete(connection)
    } else if (this.#onConnection === null) {
      void connection.close({ reason: 'not listening any more' })
    } else {
      this.#onConnection(connection)
    }
  }

  #ended(connection: SimulatedConnection, reason: CloseReason): void {
    this.#live.delete(connection)
    if (reason.error?.class === 'security') this.#counters.refusedIdentity += 1
    const dial = this.#dials.get(connection)
    if (dial === undefined) return
    this.#dials.delete(connection)
    const { host, port } = connection.remote
    const message = `${host}:${port} closed the connection during the handshake`
    dial.reject(reason.error ?? new NodosumError('ERR_NODOSUM_CONNECTION_LOST', message))
  }
}

function verified(verifyPeer: VerifyPeer, chain: readonly Uint8Array[]): PeerIdentity {
  try {
    return verifyPeer(chain)
  } catch (cause) {
    if (isNodosumError(cause)) throw cause
    const message = `the certificate of the peer could not be checked: ${String(cause)}`
    throw new NodosumError('ERR_NODOSUM_CERT_UNTRUSTED', message, { cause })
  }
}

function expected(identity: PeerIdentity, expect: NodeId | undefined): PeerIdentity {
  const { nodeId } = identity
  if (expect === undefined || nodeId === null || nodeId === expect) return identity
  const message = `node ${expect} was dialed, but the certificate names ${nodeId}`
  throw new NodosumError('ERR_NODOSUM_IDENTITY_MISMATCH', message)
}

function abortable(
  dialed: Promise<Connection>,
  connection: SimulatedConnection,
  signal: AbortSignal,
): Promise<Connection> {
  const onAbort = (): void => {
    if (!connection.isHandshaking) return
    connection.abort({ code: 0, reason: '', error: cancelled(connection.remote) })
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return dialed.finally(() => signal.removeEventListener('abort', onAbort))
}

function isIpLiteral(host: string): boolean {
  if (host.includes(':')) return /^[0-9a-fA-F:.]{2,45}$/.test(host)
  const parts = host.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535
}

function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'the simulated transport is closed')
}

function cancelled({ host, port }: HostPort): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `dialing ${host}:${port} was cancelled`)
}
