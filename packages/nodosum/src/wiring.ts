import { join } from 'node:path'
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
import { MembershipService, snapshotFile } from '@nodosum/membership'
import { MessagingService } from '@nodosum/messaging'
import { createPacketSeal, type PacketSeal, sealOverheadBytes } from '@nodosum/security'
import { type Carriage, type Session, SessionTable } from '@nodosum/streams'
import type { ConnectionUse } from '@nodosum/transport'
import { safeAdmission } from './admission.ts'
import type { Member } from './api.ts'
import { ClusterDirectory } from './cluster-directory.ts'
import type { Credentials } from './credentials.ts'
import { discoveryOf, WatchedDiscovery } from './discovery-source.ts'
import { isInternal } from './internal-applications.ts'
import { keptKeys } from './kept-keys.ts'
import { KeyExchange } from './key-exchange.ts'
import { KeyRotation } from './key-rotation.ts'
import type { Network } from './network.ts'
import type { NodeConfig } from './node-options.ts'
import type { NodePorts } from './node-ports.ts'
import { PeerTrust } from './peer-trust.ts'
import { ProcessAddresses } from './process-addresses.ts'
import { listenOf } from './profile.ts'
import { SessionDetour } from './session-detour.ts'
import { supervisedScheduler } from './supervised-scheduler.ts'
import { Undo } from './undo.ts'

/** The layers of one node, wired together and not joined yet. */
export interface Layers {
  readonly config: NodeConfig
  readonly ports: NodePorts
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
  readonly discovery: WatchedDiscovery
  /** How a cluster may begin with this node. */
  readonly formation: { readonly expect: number | null; readonly alone: boolean }
  readonly directory: ClusterDirectory
  readonly trust: PeerTrust
  readonly scheduler: Scheduler
  readonly random: Random
  readonly undo: Undo
}

/** The one place where concrete layers meet. What fails leaves nothing behind. */
export async function wireLayers(
  config: NodeConfig,
  logger: Logger,
  ports: NodePorts,
): Promise<Layers> {
  const undo = new Undo()
  try {
    return await wire(config, logger, ports, undo)
  } catch (error) {
    await undo.run()
    throw error
  }
}

async function wire(
  config: NodeConfig,
  root: Logger,
  ports: NodePorts,
  undo: Undo,
): Promise<Layers> {
  const { random } = ports
  const cluster = config.cluster as ClusterName
  const credentials = await ports.findCredentials(config, random)
  const { nodeId, identity, match } = credentials
  const bootId = newBootId(random)
  const logger = root.child({ cluster, node_id: nodeId })
  const supervisor = new Supervisor({ logger, name: 'node' })
  const scheduler = supervisedScheduler(ports.scheduler, supervisor)

  const isDevelopment = config.profile === 'development'
  const listen = listenOf(config)
  const formation = {
    expect: config.join.expect ?? null,
    alone: config.join.alone ?? (isDevelopment && config.join.expect === undefined),
  }
  const found = discoveryOf(config, credentials.developmentDirectory)
  const discovery = new WatchedDiscovery(found, logger)
  // Connections that come before everything is wired are turned away; nobody knows this node yet.
  const node: {
    sessions?: SessionTable
    membership?: MembershipService
    detour?: SessionDetour
  } = {}
  const kept = await keptKeys(config, credentials, logger)
  const sealing = { ring: kept.ring, cluster, name: nodeId, bootId }
  const processes = new ProcessAddresses(() => node.membership?.members() ?? [])
  const network = await ports.openNetwork({
    config,
    listen,
    cluster,
    identity,
    match,
    handshakes: {
      seal: createPacketSeal({ purpose: 'handshake', ...sealing }),
      overheadBytes: sealOverheadBytes,
      processAt: (address) => processes.at(address),
    },
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
    refuses: (peer, boot) => node.membership?.refusalOf(peer, boot) ?? null,
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
      trust.failed(peer, error)
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
    rttMs: (peer) => node.membership?.rttMs(peer),
  })
  // Messaging reads its times at each call, so that they can change while it runs.
  const messaging = new MessagingService({
    self: { nodeId, bootId },
    sessions,
    directory,
    scheduler,
    random,
    logger,
    options: config.layers.messaging,
    messageBytesMax: config.layers.streams.messageBytesMax,
    isControl: isInternal,
  })
  undo.add(() => messaging.close())
  ports.watch?.(messaging)
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

  const seal = createPacketSeal({ purpose: 'gossip', ...sealing })
  const loopDelay = ports.loopDelay()
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
    formation,
    packets: udp,
    seal,
    // Whoever allows QUIC only wants no TCP.
    ...(config.transport === 'quic' ? {} : { detour }),
    discovery,
    ...(config.admit === undefined ? {} : { admit: safeAdmission(config.admit, logger) }),
    loopDelay,
    ...(dataDirectory === undefined
      ? {}
      : { snapshots: snapshotFile(join(dataDirectory, 'membership'), { cluster }) }),
    scheduler,
    random,
    logger,
    options: config.layers.membership,
  })
  undo.add(() => membership.close())
  node.membership = membership
  processes.changed()
  // Before anybody hears of this node, so that whoever hears of it finds its handlers.
  for (const implementation of config.applications) messaging.implement(implementation)

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

  sessions.onHeard = (peer) => membership.linkActivity(peer)
  sessions.onSession = (session) => {
    messaging.attach(session)
  }
  sessions.onAttached = (session, carriage) => {
    trust.forget(session.peer)
    session.onRenewal = () => pool.replacementAsked(carriage.connection)
    pool.takeIntoUse(carriage.connection, useOf(session, carriage, sessions, open))
    // One of the two asks; what they tell each other holds for both.
    if (carriage.dialer === nodeId) scheduler.immediate(() => exchange.compare(session.peer))
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
    processes.changed()
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
    ports,
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
    formation,
    directory,
    trust,
    scheduler,
    random,
    undo,
  }
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
