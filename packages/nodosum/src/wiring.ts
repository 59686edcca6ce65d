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
import { createGossipSeal, type GossipSeal } from '@nodosum/security'
import { type Carriage, type Session, SessionTable } from '@nodosum/streams'
import type { ConnectionUse } from '@nodosum/transport'
import { ClusterDirectory } from './cluster-directory.ts'
import { type Credentials, findCredentials } from './credentials.ts'
import { type Network, openNetwork } from './network.ts'
import type { NodeConfig } from './node-options.ts'
import { PeerTrust } from './peer-trust.ts'
import { listenOf } from './profile.ts'
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
  readonly seal: GossipSeal
  readonly sessions: SessionTable
  readonly messaging: MessagingService
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
  const node: { sessions?: SessionTable; membership?: MembershipService } = {}
  const network = await openNetwork({
    config,
    listen,
    cluster,
    identity,
    match,
    scheduler,
    random,
    logger,
    addressesOf: (peer) =>
      node.membership?.members().find((known) => known.nodeId === peer)?.addresses ?? [],
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
    random,
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

  const directory: ClusterDirectory = new ClusterDirectory({
    self: nodeId,
    members: () => membership.members(),
    isRefused: (peer) => trust.refuses(peer),
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
  undo.add(() => messaging.close())

  sessions.onSession = (session) => {
    messaging.attach(session)
  }
  sessions.onAttached = (session, carriage) => {
    trust.forget(session.peer)
    session.onRenewal = () => pool.replacementAsked(carriage.connection)
    pool.takeIntoUse(carriage.connection, useOf(session, carriage, sessions, open))
  }
  membership.onChange(({ kind, member }) => {
    directory.changed()
    if (kind === 'restarted' || kind === 'failed' || kind === 'left') trust.forget(member.nodeId)
    // The verdict ends no session that has a connection, but it is reason to ask for a sign of life.
    if (kind === 'failed') pool.probe(member.nodeId)
    const hasGone = member.state === 'failed' || member.state === 'left'
    sessions.peerFailed(member.nodeId, hasGone)
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

/** What a session says to the pool about a connection that carries it, or did. */
export function useOf(
  session: Session,
  carriage: Carriage,
  sessions: SessionTable,
  open: (peer: NodeId) => void,
): ConnectionUse {
  const isCarrying = (): boolean => session.carriage === carriage
  return {
    peer: session.peer,
    activity: () => (isCarrying() ? session.activity : 0),
    isIdle: () => !isCarrying() || session.isIdle,
    // The session's own credit sees to it that the peer takes all of them at any time.
    owed: () => ({
      waitingBytes: isCarrying() ? carriage.waitingBytes : 0,
      movedBytes: carriage.movedBytes,
    }),
    retire: async () => session.retire(carriage),
    askToReplace: () => session.askForRenewal(),
    abandon: (error) => {
      session.abandon(carriage, error)
      open(session.peer)
    },
    moveTo: (connection) => sessions.moveTo(session, connection),
  }
}
