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
  newBootId,
  type Random,
  type Scheduler,
  Supervisor,
} from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { eventLoopDelay, MembershipService, snapshotFile } from '@nodosum/membership'
import { MessagingService } from '@nodosum/messaging'
import { createPacketSeal, type PacketSeal } from '@nodosum/security'
import { type Session, SessionTable } from '@nodosum/streams'
import type { ConnectionUse } from '@nodosum/transport'
import type { Member } from './api.ts'
import { ClusterDirectory } from './cluster-directory.ts'
import { type Credentials, findCredentials } from './credentials.ts'
import { keptKeys } from './kept-keys.ts'
import { KeyExchange } from './key-exchange.ts'
import { KeyRotation } from './key-rotation.ts'
import { type Network, openNetwork } from './network.ts'
import type { NodeConfig } from './node-options.ts'
import { PeerTrust } from './peer-trust.ts'
import { listenOf } from './profile.ts'
import { SessionDetour } from './session-detour.ts'
import { supervisedScheduler } from './supervised-scheduler.ts'
import { Undo } from './undo.ts'

/** The layers of one node, wired together and not joined yet. */
export interface Layers {
  readonly config: NodeConfig
  readonly credentials: Credentials
  readonly nodeId: NodeId
  readonly bootId: BootId
  readonly logger: Logger
  readonly network: Network
  readonly seal: PacketSeal
  readonly sessions: SessionTable
  readonly messaging: MessagingService
  readonly keys: KeyRotation
  readonly membership: MembershipService
  readonly discovery: Discovery
  readonly directory: ClusterDirectory
  readonly trust: PeerTrust
  readonly scheduler: Scheduler
  readonly random: Random
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
  const listen = listenOf(config)
  const discovery = discoveryOf(config, credentials)
  // Connections that come before everything is wired are turned away; nobody knows this node yet.
  const node: {
    sessions?: SessionTable
    membership?: MembershipService
    detour?: SessionDetour
  } = {}
  const network = await openNetwork({
    config,
    listen,
    cluster,
    identity,
    match,
    scheduler,
    random,
    logger,
    addressesOf: (peer) => {
      const member = node.membership?.members().find((known) => known.nodeId === peer)
      return [...(member?.addresses ?? []), ...(node.detour?.addressesOf(peer) ?? [])]
    },
    accept: (connection) => {
      if (node.sessions === undefined) void connection.close({ reason: 'not ready' })
      else node.sessions.accept(connection)
    },
  })
  undo.add(() => network.close())
  const { udp, pool } = network
  const sessions = new SessionTable({
    self: { cluster, nodeId, bootId },
    dial: async (peer, { signal }) => {
      try {
        return await pool.dial(peer, { signal })
      } catch (error) {
        trust.failed(peer, error)
        throw error
      }
    },
    scheduler,
    logger,
    options: config.layers.streams,
  })
  undo.add(() => sessions.close())
  node.sessions = sessions
  const open = (peer: NodeId): void => {
    sessions.ensure(peer).catch((error: unknown) => {
      const fields = { event: 'session.failed', peer_id: peer, err: error }
      logger.debug(fields, `no session with ${peer} yet`)
    })
  }
  const trust: PeerTrust = new PeerTrust({
    scheduler,
    logger,
    dial: open,
    changed: () => directory.changed(),
  })
  undo.add(async () => trust.close())

  const directory: ClusterDirectory = new ClusterDirectory({
    self: nodeId,
    members: () => node.membership?.members() ?? [],
    isRefused: (peer) => trust.refuses(peer),
    announce: (applications) => node.membership?.setApplications(applications),
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
  undo.add(() => messaging.close())
  const detour = new SessionDetour({
    sessions,
    messaging,
    vouch: (peer) => directory.vouch(peer),
    identify: (address, signal) => network.identify(address, signal),
    probe: (peer) => pool.probe(peer),
    scheduler,
    logger,
  })
  node.detour = detour

  const kept = await keptKeys(config, credentials, logger)
  const { ring } = kept
  const seal = createPacketSeal({ purpose: 'gossip', ring, cluster, name: nodeId, bootId })
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
        tcpPort: network.tcpPort,
      },
    ],
    tags: config.tags,
    formation: {
      expect: config.join.expect ?? null,
      alone: config.join.alone ?? (isDevelopment && config.join.expect === undefined),
    },
    packets: udp,
    seal,
    // Whoever allows QUIC only wants no TCP.
    ...(config.transport === 'quic' ? {} : { detour }),
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
  node.membership = membership

  const exchange = new KeyExchange({
    kept,
    messaging,
    vouch: (peer) => directory.vouch(peer),
    scheduler,
    logger,
  })
  const keys = new KeyRotation({
    self: nodeId,
    kept,
    exchange,
    members: () => membership.members(),
    logger,
  })
  undo.add(async () => {
    exchange.close()
    keys.close()
  })

  sessions.onSession = (session) => {
    trust.forget(session.peer)
    messaging.attach(session)
    pool.takeIntoUse(session.connection, useOf(session, sessions, open))
    // One of the two asks; what they tell each other holds for both.
    if (session.dialer === nodeId) scheduler.immediate(() => exchange.compare(session.peer))
  }
  // Somebody was away while the keys changed: this node, or the member at that address.
  membership.onUnknownKey = ({ host, port }) => {
    const isThere = (member: Member): boolean =>
      member.addresses.some((address) => address.host === host && address.udpPort === port)
    const member = membership.members().find(isThere)
    if (member !== undefined) exchange.compare(member.nodeId as NodeId)
  }
  membership.onChange(({ kind, member }) => {
    directory.changed()
    if (kind === 'restarted' || kind === 'failed' || kind === 'left') trust.forget(member.nodeId)
    // The verdict ends no session, but it is reason to ask for a sign of life.
    if (kind === 'failed') pool.probe(member.nodeId)
    if (kind === 'joined' || kind === 'restarted') {
      // Dials that the process before did not answer say nothing of this one.
      pool.forget(member.nodeId)
      sessions.rumourOfRestart(member.nodeId, member.bootId as BootId)
    }
    // A full mesh: the lower id of each pair opens the session; the other opens it if it needs to.
    const arrived = kind === 'joined' || kind === 'restarted' || kind === 'alive'
    if (!arrived || nodeId >= member.nodeId) return
    open(member.nodeId)
  })
  return {
    config,
    credentials,
    nodeId,
    bootId,
    logger,
    network,
    seal,
    sessions,
    messaging,
    keys,
    membership,
    discovery,
    directory,
    trust,
    scheduler,
    random,
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

/** What a session says to the pool about the connection that carries it. */
function useOf(
  session: Session,
  sessions: SessionTable,
  open: (peer: NodeId) => void,
): ConnectionUse {
  return {
    peer: session.peer,
    activity: () => session.activity,
    isIdle: () => session.isIdle,
    // The peer's handlers never pause the control lane.
    owed: () => ({
      waitingBytes: session.control.bufferedBytes,
      movedBytes: session.control.movedBytes,
    }),
    retire: () => session.retire(),
    abandon: (error) => {
      session.end(error)
      open(session.peer)
    },
    moveTo: (connection, options) => sessions.moveTo(session, connection, options),
  }
}
