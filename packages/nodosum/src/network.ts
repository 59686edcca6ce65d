import {
  type ClusterName,
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
  type Random,
  type Scheduler,
} from '@nodosum/kernel'
import { createPeerVerifier, type Identity } from '@nodosum/security'
import {
  bindUdpPort,
  type Connection,
  ConnectionPool,
  type HostPort,
  type PoolParts,
  type Transport,
  type UdpPort,
  type VerifyPeer,
} from '@nodosum/transport'
import { createH2Transport } from '@nodosum/transport-h2'
import type { NodeConfig } from './node-options.ts'
import { Undo } from './undo.ts'

/** How a node reaches others and is reached: its ports, its transports, its connections. */
export interface Network {
  readonly udp: UdpPort
  readonly pool: ConnectionPool
  /** TCP port of HTTP/2, the same number as the UDP port. */
  readonly tcpPort: number
  /** What a dial tries first. */
  readonly dialsFirst: Connection['kind']
  /** Why there is no QUIC; null when there is. */
  readonly quicProblem: NodosumError | null
  /**
   * Who is at an address, by the certificate it presents over TCP; null when that names a role. The
   * connection is closed again.
   */
  identify(address: HostPort, signal: AbortSignal): Promise<NodeId | null>
  /** The identity that new connections present. */
  readonly identity: Identity
  /** New connections present this one; those that there are get replaced. */
  useIdentity(identity: Identity): void
  close(): Promise<void>
}

/** What a network is made from. */
export interface NetworkParts {
  readonly config: NodeConfig
  readonly listen: { readonly host: string; readonly port: number }
  readonly cluster: ClusterName
  readonly identity: Identity
  readonly match: 'node' | 'cluster'
  /** Keeps QUIC handshakes inside the cluster. */
  readonly handshakes: QuicParts['handshakes']
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly addressesOf: PoolParts['addressesOf']
  readonly accept: (connection: Connection) => void
}

/** With port 0: how often another number is tried when its TCP port is taken. */
const portTriesMax = 16

/**
 * Binds one port number for UDP and TCP and listens on every transport that there is.
 *
 * @throws `LISTEN_FAILED`; `TRANSPORT_UNAVAILABLE` when QUIC was asked for and does not load
 */
export async function openNetwork(parts: NetworkParts): Promise<Network> {
  for (let tries = 1; ; tries++) {
    try {
      return await openAtOnePort(parts)
    } catch (error) {
      // The system picked a UDP port whose number somebody uses for TCP.
      const isTaken = isNodosumError(error, 'ERR_NODOSUM_LISTEN_FAILED')
      if (!isTaken || parts.listen.port !== 0 || tries === portTriesMax) throw error
    }
  }
}

async function openAtOnePort(parts: NetworkParts): Promise<Network> {
  const undo = new Undo()
  try {
    return await open(parts, undo)
  } catch (error) {
    await undo.run()
    throw error
  }
}

async function open(parts: NetworkParts, undo: Undo): Promise<Network> {
  const { config, listen, scheduler, random, logger } = parts
  let { identity } = parts
  let verify = verifierOf(parts, identity)
  const verifyPeer: VerifyPeer = (chain) => verify(chain)
  const udp = await bindUdpPort(listen)
  undo.add(() => udp.close())
  const tcpPort = udp.address.port
  const shared = { credentials: identity, verifyPeer, scheduler, logger }

  const { handshakes } = parts
  const quicParts = { ...shared, udp, handshakes, random, options: config.layers.quic }
  const quic = await openQuic(quicParts, config.transport)
  if ('connect' in quic) undo.add(() => quic.close())
  const h2 = createH2Transport({
    ...shared,
    host: listen.host,
    port: tcpPort,
    options: config.layers.h2,
  })
  undo.add(() => h2.close())

  const pool = new ConnectionPool({
    transports: 'connect' in quic ? [quic, h2] : [h2],
    dialsOver: config.transport === 'auto' ? undefined : [config.transport],
    addressesOf: parts.addressesOf,
    expectIdentity: parts.match === 'node',
    scheduler,
    random,
    logger,
    options: config.layers.pool,
  })
  undo.add(() => pool.close())
  await pool.listen(parts.accept)
  return {
    udp,
    pool,
    tcpPort,
    dialsFirst: 'connect' in quic ? 'quic' : 'h2',
    quicProblem: 'connect' in quic ? null : quic,
    identify: async (address, signal) => {
      const connection = await h2.connect(address, { signal })
      void connection.close({ reason: 'asked who is here' })
      return connection.peer.nodeId
    },
    get identity() {
      return identity
    },
    useIdentity: (fresh) => {
      const verifyFresh = verifierOf(parts, fresh)
      pool.reloadCredentials(fresh)
      identity = fresh
      verify = verifyFresh
    },
    close: async () => {
      const failures = await undo.run()
      if (failures.length > 0) throw new AggregateError(failures, 'a part did not close')
    },
  }
}

function verifierOf(parts: NetworkParts, identity: Identity): VerifyPeer {
  const { cluster, match, scheduler } = parts
  return createPeerVerifier({
    cluster,
    match,
    caPem: identity.caPem,
    trustDomain: trustDomainOf(identity.uri),
    now: () => scheduler.wallMs(),
    acceptedUris: match === 'cluster' ? [identity.uri] : undefined,
  })
}

type QuicParts = Parameters<typeof import('@nodosum/transport-quic').createQuicTransport>[0]

/** QUIC, or why there is none: its binding is not built for every platform. */
async function openQuic(
  parts: QuicParts,
  wanted: NodeConfig['transport'],
): Promise<Transport | NodosumError> {
  try {
    const { createQuicTransport } = await loadQuic()
    return await createQuicTransport(parts)
  } catch (error) {
    const isMissing = isNodosumError(error, 'ERR_NODOSUM_TRANSPORT_UNAVAILABLE')
    if (!isMissing || wanted === 'quic') throw error
    const fields = { event: 'transport.unavailable', transport: 'quic', error_code: error.code }
    const message = `this node uses HTTP/2 only: ${error.message}`
    parts.logger[wanted === 'auto' ? 'warn' : 'info'](fields, message)
    return error
  }
}

async function loadQuic(): Promise<typeof import('@nodosum/transport-quic')> {
  try {
    return await import('@nodosum/transport-quic')
  } catch (cause) {
    const message = 'the package @nodosum/transport-quic is not installed or does not load'
    throw new NodosumError('ERR_NODOSUM_TRANSPORT_UNAVAILABLE', message, { cause })
  }
}

/** spiffe://TRUST-DOMAIN/path */
function trustDomainOf(uri: string): string {
  return uri.split('/')[2] ?? ''
}
