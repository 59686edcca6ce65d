import {
  type NodeId,
  newBootId,
  parseClusterName,
  parseNodeId,
  type Random,
  seededRandom,
  silentLogger,
} from '@nodosum/kernel'
import { type Directory, MessagingService, messagingOptions } from '@nodosum/messaging'
import { SessionTable, type StreamsOptions, streamsOptions } from '@nodosum/streams'
import {
  type SimulatedMesh,
  type SimulatedScheduler,
  simulatedMesh,
  simulatedScheduler,
  unkindPath,
} from '@nodosum/testkit'
import { ConnectionPool, type PoolOptions } from '@nodosum/transport'
import { useOf } from '../src/wiring.ts'

const port = 7_000
const hosts: Readonly<Record<string, string>> = { a: '10.0.0.1', b: '10.0.0.2' }
const ids = Object.keys(hosts).map((id) => parseNodeId(id))

/** The layers from messaging down to the pool, as a node wires them, on a simulated transport. */
export class SimulatedNode {
  readonly id: NodeId
  readonly pool: ConnectionPool
  readonly messaging: MessagingService
  readonly sessions: SessionTable

  constructor(
    id: string,
    parts: { scheduler: SimulatedScheduler; random: Random; mesh: SimulatedMesh },
    options: { pool: PoolOptions; streams: Partial<StreamsOptions> },
  ) {
    this.id = parseNodeId(id)
    const { scheduler, mesh } = parts
    const random = parts.random.stream(`node ${id}`)
    const cluster = parseClusterName('test')
    const bootId = newBootId(random)
    const shared = { scheduler, random, logger: silentLogger }
    const transport = mesh.transport({
      address: { host: hosts[id] ?? '', port },
      certificate: {
        uri: `spiffe://test/nodosum/test/${id}`,
        authority: 'common',
        notAfterMs: Number.MAX_SAFE_INTEGER,
      },
      authority: 'common',
    })
    this.pool = new ConnectionPool({
      ...shared,
      transports: [transport],
      addressesOf: (peer) => [{ host: hosts[peer] ?? '', udpPort: port, tcpPort: 0 }],
      expectIdentity: true,
      options: options.pool,
    })
    const sessions = new SessionTable({
      ...shared,
      self: { cluster, nodeId: this.id, bootId },
      dial: (peer, { signal }) => this.pool.dial(peer, { signal }),
      options: streamsOptions.parse(options.streams),
    })
    this.sessions = sessions
    const directory: Directory = {
      self: this.id,
      candidates: () => ids,
      isPresent: () => true,
      announce: () => undefined,
      rttMs: () => undefined,
      tags: () => undefined,
    }
    this.messaging = new MessagingService({
      ...shared,
      self: { nodeId: this.id, bootId },
      sessions,
      directory,
      options: messagingOptions.parse({ sendTimeoutMs: 600_000 }),
      messageBytesMax: streamsOptions.defaults().messageBytesMax,
    })
    const open = (peer: NodeId): void => void sessions.ensure(peer).catch(() => undefined)
    sessions.onSession = (session) => {
      this.messaging.attach(session)
    }
    sessions.onAttached = (session, carriage) => {
      session.onRenewal = () => this.pool.replacementAsked(carriage.connection)
      this.pool.takeIntoUse(carriage.connection, useOf(session, carriage, sessions, open))
    }
    void this.pool.listen((connection) => sessions.accept(connection))
  }

  /** New connections present other credentials. What they say is nothing to a simulated handshake. */
  reload(): void {
    this.pool.reloadCredentials({ certificatePem: '', keyPem: '', caPem: '' })
  }
}

/** Two nodes; time stands still unless the test moves it. */
export function simulatedPair(
  seed: string,
  options: { pool?: PoolOptions; streams?: Partial<StreamsOptions>; isUnkind?: boolean } = {},
): {
  scheduler: SimulatedScheduler
  random: Random
  mesh: SimulatedMesh
  nodes: [a: SimulatedNode, b: SimulatedNode]
} {
  const scheduler = simulatedScheduler()
  const random = seededRandom(seed)
  const quality = options.isUnkind === true ? unkindPath : { delayMs: 0.2 }
  const mesh = simulatedMesh({ scheduler, random, quality })
  const start = (id: string): SimulatedNode =>
    new SimulatedNode(
      id,
      { scheduler, random, mesh },
      { pool: options.pool ?? {}, streams: options.streams ?? {} },
    )
  return { scheduler, random, mesh, nodes: [start('a'), start('b')] }
}
