import {
  type ErrorCode,
  type NodeId,
  NodosumError,
  parseNodeId,
  type Random,
  seededRandom,
  silentLogger,
} from '@nodosum/kernel'
import { type SimulatedScheduler, simulatedScheduler } from '@nodosum/testkit'
import {
  type ByteStream,
  type CloseReason,
  type Connection,
  ConnectionPool,
  type ConnectionStats,
  type ConnectionUse,
  type ConnectOptions,
  type HostPort,
  type Listener,
  type PeerAddress,
  type PeerIdentity,
  type PoolOptions,
  type Transport,
  type TransportCredentials,
  type TransportSnapshot,
} from '../src/index.ts'

type Kind = Connection['kind']

/** A connection that only knows whether it lives. */
export class FakeConnection implements Connection {
  readonly kind: Kind
  readonly role: Connection['role']
  readonly local: HostPort = { host: '10.0.0.9', port: 9 }
  readonly remote: HostPort
  readonly peer: PeerIdentity
  readonly closed: Promise<CloseReason>
  onStream: ((stream: ByteStream) => void) | null = null
  onClosed: ((reason: CloseReason) => void) | null = null
  /** What `close` was called with; null while nobody has. */
  closedWith: { code?: number; reason?: string } | null = null
  isGone = false
  /** Whether pings are answered; otherwise they wait for the end. */
  answersPings = true
  pings = 0
  receivedBytes = 0
  sentPackets = 0
  readonly #end = Promise.withResolvers<CloseReason>()
  readonly #onGone: () => void

  constructor(options: {
    kind: Kind
    role: Connection['role']
    remote: HostPort
    peer: string | null
    onGone: () => void
  }) {
    this.kind = options.kind
    this.role = options.role
    this.remote = options.remote
    const nodeId = options.peer === null ? null : parseNodeId(options.peer)
    this.peer = { nodeId, uri: '', fingerprint: '', notAfterMs: 0 }
    this.#onGone = options.onGone
    this.closed = this.#end.promise
  }

  openStream(): ByteStream {
    throw new Error('no test opens one')
  }

  ping(): Promise<number> {
    this.pings += 1
    if (this.answersPings) return Promise.resolve(2)
    return this.closed.then(() => {
      throw new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'gone')
    })
  }

  stats(): ConnectionStats {
    return {
      rttMs: 1,
      sentBytes: 0,
      sentPackets: this.sentPackets,
      receivedBytes: this.receivedBytes,
      lostPackets: 0,
      congestionWindowBytes: 0,
      bufferedBytes: 0,
      streams: 0,
    }
  }

  close(reason: { code?: number; reason?: string } = {}): Promise<void> {
    this.closedWith ??= reason
    // Later, as with every real one.
    setImmediate(() => this.end({ code: reason.code ?? 0, remote: false }))
    return this.closed.then(() => undefined)
  }

  /** The connection is gone, for this reason. */
  end(reason: Partial<CloseReason> = {}): void {
    if (this.isGone) return
    this.isGone = true
    this.#onGone()
    const full = { code: 0, reason: '', remote: true, error: null, ...reason }
    this.onClosed?.(full)
    this.#end.resolve(full)
  }
}

/** A dial that waits until the test says how it ends. */
export interface FakeDial {
  readonly kind: Kind
  readonly remote: HostPort
  readonly options: ConnectOptions
  isOver: boolean
  succeed(): FakeConnection
  fail(code?: ErrorCode, details?: { readonly remote: boolean }): void
}

/** A transport whose dials and accepts the test makes; it counts what is live. */
export class FakeTransport implements Transport {
  readonly kind: Kind
  readonly dials: FakeDial[] = []
  readonly live: Set<FakeConnection> = new Set()
  credentials: TransportCredentials[] = []
  refusesCredentials = false
  isListening = false
  listenFails = false
  /** How a dial that was given up ends, for transports that are slow to hear of it. */
  ignoresAborts = false
  #onConnection: ((connection: Connection) => void) | null = null

  constructor(kind: Kind = 'simulated') {
    this.kind = kind
  }

  /** Dials that have not ended. */
  get dialing(): FakeDial[] {
    return this.dials.filter(({ isOver }) => !isOver)
  }

  connect(remote: HostPort, options: ConnectOptions = {}): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const dial: FakeDial = {
      kind: this.kind,
      remote,
      options,
      isOver: false,
      succeed: () => {
        dial.isOver = true
        const connection = this.#made('dialer', remote, options.expect ?? null)
        resolve(connection)
        return connection
      },
      fail: (code = 'ERR_NODOSUM_CONNECT_TIMEOUT', details) => {
        dial.isOver = true
        reject(
          new NodosumError(code, `${remote.host} failed over ${this.kind}`, {
            details: { ...details },
          }),
        )
      },
    }
    options.signal?.addEventListener('abort', () => {
      if (this.ignoresAborts) return
      dial.isOver = true
      reject(new NodosumError('ERR_NODOSUM_CANCELLED', 'aborted'))
    })
    this.dials.push(dial)
    return promise
  }

  listen(onConnection: (connection: Connection) => void): Promise<Listener> {
    if (this.listenFails) {
      return Promise.reject(new NodosumError('ERR_NODOSUM_LISTEN_FAILED', 'taken'))
    }
    this.#onConnection = onConnection
    this.isListening = true
    const close = (): Promise<void> => {
      this.isListening = false
      return Promise.resolve()
    }
    return Promise.resolve({ address: { host: '10.0.0.9', port: 9 }, close })
  }

  /** Somebody connects from there. */
  accept(host: string, peer: string | null = null): FakeConnection {
    const connection = this.#made('acceptor', { host, port: 1 }, peer)
    this.#onConnection?.(connection)
    return connection
  }

  prepareCredentials(credentials: TransportCredentials): () => void {
    if (this.refusesCredentials) throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', 'unusable')
    return () => void this.credentials.push(credentials)
  }

  snapshot(): TransportSnapshot {
    return { kind: this.kind, listening: null, connections: [], counters: {} }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #made(role: Connection['role'], remote: HostPort, peer: string | null): FakeConnection {
    const connection: FakeConnection = new FakeConnection({
      kind: this.kind,
      role,
      remote,
      peer,
      onGone: () => this.live.delete(connection),
    })
    this.live.add(connection)
    return connection
  }
}

/** The layer above, for one connection; says what the test tells it to. */
export class FakeUse implements ConnectionUse {
  readonly peer: NodeId
  readonly connection: FakeConnection
  activityCount = 0
  isBusy = false
  waitingBytes = 0
  movedBytes = 0
  /** Whether the peer has a use for the connection. */
  peerIsBusy = false
  /** How often the pool asked whether the connection may close. */
  retires = 0
  /** How often the pool asked for a replacement by the peer. */
  asks = 0
  readonly abandonedWith: NodosumError[] = []
  readonly moves: Connection[] = []
  /** Whether another connection is not taken. */
  refusesMoves = false

  constructor(peer: string, connection: FakeConnection) {
    this.peer = parseNodeId(peer)
    this.connection = connection
  }

  activity(): number {
    return this.activityCount
  }

  isIdle(): boolean {
    return !this.isBusy
  }

  owed(): { waitingBytes: number; movedBytes: number } {
    return { waitingBytes: this.waitingBytes, movedBytes: this.movedBytes }
  }

  async retire(): Promise<boolean> {
    this.retires += 1
    if (this.isBusy || this.peerIsBusy) return false
    await this.connection.close({ reason: 'not in use' })
    return true
  }

  askToReplace(): void {
    this.asks += 1
  }

  abandon(error: NodosumError): void {
    this.abandonedWith.push(error)
    void this.connection.close({ reason: error.code })
  }

  async moveTo(connection: Connection): Promise<boolean> {
    if (this.refusesMoves) return false
    this.moves.push(connection)
    await this.connection.close({ reason: 'moved' })
    return true
  }
}

export interface PoolWorld {
  readonly pool: ConnectionPool
  readonly scheduler: SimulatedScheduler
  readonly random: Random
  readonly transport: FakeTransport
  readonly transports: readonly FakeTransport[]
  /** What the pool has handed up. */
  readonly handedUp: Connection[]
  readonly warnings: string[]
  /** A dialed connection in use, after everything that takes. */
  connected(peer: string): Promise<{ connection: FakeConnection; use: FakeUse }>
}

export const twoAddresses: readonly PeerAddress[] = [
  { host: '10.0.0.1', udpPort: 1, tcpPort: 0 },
  { host: '10.0.0.2', udpPort: 2, tcpPort: 0 },
]

export function poolWorld(
  options: PoolOptions = {},
  parts: {
    kinds?: readonly Kind[]
    addresses?: readonly PeerAddress[]
    expectIdentity?: boolean
    seed?: string
  } = {},
): PoolWorld {
  const scheduler = simulatedScheduler()
  const transports = (parts.kinds ?? ['simulated']).map((kind) => new FakeTransport(kind))
  const [transport] = transports as [FakeTransport]
  const handedUp: Connection[] = []
  const warnings: string[] = []
  const random = seededRandom(parts.seed ?? 'pool')
  const logger = {
    ...silentLogger,
    warn: (fields: Readonly<Record<string, unknown>>) => void warnings.push(String(fields.event)),
  }
  const pool = new ConnectionPool({
    transports,
    addressesOf: () => parts.addresses ?? twoAddresses,
    expectIdentity: parts.expectIdentity ?? false,
    scheduler,
    random,
    logger,
    options,
  })
  const connected = async (peer: string): Promise<{ connection: FakeConnection; use: FakeUse }> => {
    const dialed = pool.dial(parseNodeId(peer))
    await settle()
    transports
      .flatMap(({ dialing }) => dialing)
      .at(-1)
      ?.succeed()
    const connection = (await dialed) as FakeConnection
    const use = new FakeUse(peer, connection)
    pool.takeIntoUse(connection, use)
    return { connection, use }
  }
  return { pool, scheduler, random, transport, transports, handedUp, warnings, connected }
}

/** Starts listening; connections that are handed up go to `handedUp`. */
export async function listening(world: PoolWorld): Promise<PoolWorld> {
  await world.pool.listen((connection) => world.handedUp.push(connection))
  return world
}

/** `resolved`, or the code of the rejection. */
export function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  )
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Time passes in small steps, with everything that it sets off. */
export async function pass(world: PoolWorld, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    world.scheduler.runFor(Math.min(500, left))
    await settle()
  }
}
