import { join } from 'node:path'
import {
  type Discovery,
  developmentDirectoryDiscovery,
  functionDiscovery,
  seedsDiscovery,
} from '@nodosum/discovery'
import {
  type BootId,
  type ClusterName,
  type Logger,
  type NodeId,
  NodosumError,
  newBootId,
  Supervisor,
} from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { eventLoopDelay, MembershipService, snapshotFile } from '@nodosum/membership'
import { MessagingService } from '@nodosum/messaging'
import { createGossipSeal, createPeerVerifier, type GossipSeal } from '@nodosum/security'
import { SessionTable } from '@nodosum/streams'
import { bindUdpPort, Dialer, type Transport, type UdpPort } from '@nodosum/transport'
import { ClusterDirectory } from './cluster-directory.ts'
import { type Credentials, findCredentials } from './credentials.ts'
import type { NodeConfig } from './node-options.ts'
import { supervisedScheduler } from './supervised-scheduler.ts'
import { Undo } from './undo.ts'

/** The layers of one node, wired together and not joined yet. */
export interface Layers {
  readonly config: NodeConfig
  readonly credentials: Credentials
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly logger: Logger
  readonly udp: UdpPort
  readonly transport: Transport
  readonly seal: GossipSeal
  readonly sessions: SessionTable
  readonly messaging: MessagingService
  readonly membership: MembershipService
  readonly discovery: Discovery
  readonly directory: ClusterDirectory
  readonly undo: Undo
}

/** The one place where concrete layers meet. What fails leaves nothing behind. */
export async function wireLayers(config: NodeConfig, logger: Logger): Promise<Layers> {
  const undo = new Undo()
  try {
    return await wire(config, logger, undo)
  } catch (error) {
    await undo.run()
    throw error
  }
}

async function wire(config: NodeConfig, root: Logger, undo: Undo): Promise<Layers> {
  const random = systemRandom()
  const cluster = config.cluster as ClusterName
  const credentials = await findCredentials(config, random)
  const { nodeId, identity, match } = credentials
  const bootId = newBootId(random)
  const logger = root.child({ cluster, node_id: nodeId })
  const supervisor = new Supervisor({ logger, name: 'node' })
  const scheduler = supervisedScheduler(systemScheduler(), supervisor)

  const isDevelopment = config.profile === 'development'
  const listen = config.listen ?? {
    host: isDevelopment ? '127.0.0.1' : '0.0.0.0',
    port: isDevelopment ? 0 : 6_969,
  }
  if (isDevelopment && listen.host !== '127.0.0.1' && listen.host !== '::1') {
    const message = `listen.host: profile development listens on loopback only, not ${listen.host}`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
  }
  const discovery = discoveryOf(config, credentials)
  const udp = await bindUdpPort(listen)
  undo.add(() => udp.close())

  const { createQuicTransport } = await loadQuic()
  const transport = await createQuicTransport({
    udp,
    credentials: identity,
    verifyPeer: createPeerVerifier({
      cluster,
      match,
      caPem: identity.caPem,
      trustDomain: trustDomainOf(identity.uri),
      now: () => scheduler.wallMs(),
      acceptedUris: match === 'cluster' ? [identity.uri] : undefined,
    }),
    scheduler,
    random,
    logger,
    options: config.layers.quic,
  })
  undo.add(() => transport.close())

  const dialer = new Dialer({ transport, scheduler, random, logger })
  undo.add(async () => dialer.close())
  const sessions = new SessionTable({
    self: { cluster, nodeId, bootId },
    dial: (peer, { signal }) => {
      const member = membership.members().find((known) => known.nodeId === peer)
      const addresses = (member?.addresses ?? []).map(({ host, udpPort }) => ({
        host,
        port: udpPort,
      }))
      return dialer.dial(peer, addresses, match === 'node' ? { signal, expect: peer } : { signal })
    },
    scheduler,
    logger,
    options: config.layers.streams,
  })
  undo.add(() => sessions.close())

  const seal = createGossipSeal({ keys: credentials.gossipKeys, cluster, bootId })
  const loopDelay = eventLoopDelay()
  undo.add(async () => loopDelay.close())
  const { dataDirectory } = config
  const membership: MembershipService = new MembershipService({
    cluster,
    nodeId,
    bootId,
    addresses: [
      {
        host: config.advertise?.host ?? listen.host,
        udpPort: udp.address.port,
        tcpPort: 0,
      },
    ],
    tags: config.tags,
    formation: {
      expect: config.join.expect ?? null,
      alone: config.join.alone ?? isDevelopment,
    },
    packets: udp,
    seal,
    discovery,
    loopDelay,
    ...(dataDirectory === undefined
      ? {}
      : { snapshots: snapshotFile(join(dataDirectory, 'membership.json')) }),
    scheduler,
    random,
    logger,
    options: config.layers.membership,
  })
  undo.add(() => membership.close())

  const directory = new ClusterDirectory({
    self: nodeId,
    members: () => membership.members(),
    announce: (applications) => membership.setApplications(applications),
  })
  const messaging = new MessagingService({
    self: { nodeId, bootId },
    sessions,
    directory,
    scheduler,
    random,
    logger,
    options: config.layers.messaging,
    messageBytesMax: config.layers.streams.messageBytesMax,
  })
  undo.add(async () => messaging.close())

  sessions.onSession = (session) => messaging.attach(session)
  membership.onChange(({ kind, member }) => {
    directory.changed()
    // A full mesh: the lower id of each pair opens the session; the other opens it if it needs to.
    const arrived = kind === 'joined' || kind === 'restarted' || kind === 'alive'
    if (!arrived || nodeId >= member.nodeId) return
    sessions.ensure(member.nodeId).catch((error: unknown) => {
      const fields = { event: 'session.failed', peer_id: member.nodeId, err: error }
      logger.debug(fields, `no session with ${member.nodeId} yet`)
    })
  })
  await transport.listen((connection) => sessions.accept(connection))
  return {
    config,
    credentials,
    nodeId,
    bootId,
    logger,
    udp,
    transport,
    seal,
    sessions,
    messaging,
    membership,
    discovery,
    directory,
    undo,
  }
}

function discoveryOf(config: NodeConfig, credentials: Credentials): Discovery {
  const { discovery } = config
  const defaultPort = 6_969
  if (typeof discovery === 'function') return functionDiscovery({ find: discovery, defaultPort })
  if (discovery !== undefined) {
    return seedsDiscovery({ seeds: discovery.seeds, defaultPort, where: 'discovery.seeds' })
  }
  const directory = credentials.developmentDirectory
  if (directory !== null) return developmentDirectoryDiscovery({ directory })
  return { find: async () => ({ addresses: [], detail: 'no discovery is configured' }) }
}

/** Optional, because its binding is not built for every platform. */
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
