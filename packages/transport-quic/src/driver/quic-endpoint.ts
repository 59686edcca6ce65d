import {
  type Logger,
  NodosumError,
  type Random,
  type Scheduler,
  type TimerHandle,
  TokenBucket,
} from '@nodosum/kernel'
import type {
  CloseReason,
  Connection,
  ConnectOptions,
  HostPort,
  Listener,
  Transport,
  TransportCredentials,
  TransportSnapshot,
  UdpPort,
  VerifyPeer,
} from '@nodosum/transport'
import { layerCodes } from '../core/close-codes.ts'
import type { QuicSettings } from '../options.ts'
import type { Engine, EngineConnection } from '../ports.ts'
import { connectionIdBytes, hasLongHeader, readLongHeader } from '../wire/long-header.ts'
import { addressProblem, addressWords } from './address.ts'
import type { LocalClose } from './close-reason.ts'
import type { ConnectionShared } from './connection-shared.ts'
import { ConnectionTimers } from './connection-timers.ts'
import {
  alreadyListening,
  cancelled,
  lostWhileDialing,
  shutDown,
  tooManyConnections,
  undialable,
} from './endpoint-errors.ts'
import { PacketSender } from './packet-sender.ts'
import { PathSizes, packetBytesMax } from './path-sizes.ts'
import { QuicConnection } from './quic-connection.ts'
import { ReceiveSlab } from './receive-slab.ts'

/** What an endpoint is made of. */
export interface EndpointOptions {
  readonly udp: UdpPort
  readonly engine: Engine
  readonly protocol: string
  readonly verifyPeer: VerifyPeer
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly settings: QuicSettings
  /** Ends what watches over this transport. */
  readonly unwatch: () => Promise<void>
}

interface PendingDial {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: NodosumError) => void
}

const gatherBytes = 16 * 1024
const shortIdOffset = 1

/** QUIC over one UDP port: routing, accepting, dialing, and the turns of the event loop. */
export class QuicEndpoint implements Transport {
  readonly kind = 'quic'
  readonly #options: EndpointOptions
  #engine: Engine
  readonly #shared: ConnectionShared
  readonly #timers: ConnectionTimers
  readonly #acceptRate: TokenBucket
  /** By the bytes of every id of ours, and of what a client first called us, as latin1. */
  readonly #routes = new Map<string, QuicConnection>()
  readonly #live = new Set<QuicConnection>()
  readonly #dials = new Map<QuicConnection, PendingDial>()
  readonly #counters = {
    accepted: 0,
    dialed: 0,
    established: 0,
    refusedIdentity: 0,
    refusedConnectionLimit: 0,
    refusedHalfOpenLimit: 0,
    refusedAcceptRate: 0,
    droppedUnknown: 0,
    droppedForeignPath: 0,
    packets: 0,
  }
  #halfOpen = 0
  #dirty: QuicConnection[] = []
  #immediate: TimerHandle | null = null
  #onConnection: ((connection: Connection) => void) | null = null
  #closing: Promise<void> | null = null

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#engine = options.engine
    const { udp, scheduler, settings } = options
    const { packetBytes, acceptsPerSecond, acceptBurst } = settings
    this.#timers = new ConnectionTimers(scheduler, () => this.#counters.packets)
    this.#acceptRate = new TokenBucket({
      ratePerSecond: acceptsPerSecond,
      burst: acceptBurst,
      nowMs: scheduler.nowMs(),
    })
    const bufferBytes = packetBytes === 'auto' ? packetBytesMax : packetBytes
    this.#shared = {
      udp,
      local: udp.address,
      sender: new PacketSender(udp, bufferBytes),
      timers: this.#timers,
      pathSizes: new PathSizes(packetBytes, options.logger),
      scheduler,
      randomBytes: (length) => options.random.bytes(length),
      logger: options.logger,
      slab: new ReceiveSlab(),
      gatherBuffer: Buffer.allocUnsafeSlow(gatherBytes),
      verifyPeer: options.verifyPeer,
      protocol: options.protocol,
      settings,
      schedule: (connection) => this.#schedule(connection),
      opened: (connection) => this.#opened(connection),
      closed: (connection, reason) => this.#closed(connection, reason),
      release: (connection) => this.#release(connection),
    }
    udp.onQuic = (bytes, from) => this.#receive(bytes, from)
  }

  listen(onConnection: (connection: Connection) => void): Promise<Listener> {
    if (this.#closing !== null) return Promise.reject(shutDown())
    if (this.#onConnection !== null) {
      return Promise.reject(alreadyListening(this.#options.udp.address))
    }
    this.#onConnection = onConnection
    const close = (): Promise<void> => {
      if (this.#onConnection === onConnection) this.#onConnection = null
      return Promise.resolve()
    }
    return Promise.resolve({ address: this.#options.udp.address, close })
  }

  connect(remote: HostPort, options: ConnectOptions = {}): Promise<Connection> {
    const refusal = this.#dialRefusal(remote, options)
    if (refusal !== null) return Promise.reject(refusal)
    const id = this.#newId()
    const packetBytes = this.#packetBytes(remote)
    let engine: EngineConnection
    try {
      engine = this.#engine.dial({ id, local: this.#shared.local, remote, packetBytes })
    } catch (cause) {
      return Promise.reject(undialable(remote, cause))
    }
    const connection = new QuicConnection(this.#shared, {
      role: 'dialer',
      engine,
      remote,
      routes: [routeOf(id, 0, id.length)],
      expect: options.expect,
    })
    this.#counters.dialed += 1
    this.#add(connection)
    const dialed = new Promise<Connection>((resolve, reject) => {
      this.#dials.set(connection, { resolve, reject })
    })
    this.#schedule(connection)
    return options.signal === undefined ? dialed : abortable(dialed, connection, options.signal)
  }

  snapshot(): TransportSnapshot {
    const connections = []
    for (const connection of this.#live) {
      const one = connection.snapshot()
      if (one !== null) connections.push(one)
    }
    return {
      kind: this.kind,
      listening: this.#onConnection === null ? null : this.#options.udp.address,
      connections,
      counters: { ...this.#counters, deferredTimers: this.#timers.deferrals },
    }
  }

  prepareCredentials(credentials: TransportCredentials): () => void {
    const engine = this.#engine.withCredentials(credentials)
    return () => {
      this.#engine = engine
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#onConnection = null
    const closes = [...this.#live].map((connection) => {
      if (connection.isHandshaking) connection.abort(abandoned(layerCodes.shutDown, shutDown()))
      return connection.close({ code: 0, reason: 'shutting down' })
    })
    await Promise.all(closes)
    this.#options.udp.onQuic = null
    this.#timers.close()
    this.#routes.clear()
    this.#immediate?.cancel()
    this.#immediate = null
    this.#dirty = []
    await this.#options.unwatch()
  }

  #dialRefusal(remote: HostPort, options: ConnectOptions): NodosumError | null {
    if (this.#closing !== null) return shutDown()
    if (options.signal?.aborted === true) return cancelled(remote)
    const { connectionsMax } = this.#options.settings
    const problem = addressProblem(remote, this.#shared.local)
    if (problem !== null) return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', problem)
    if (this.#live.size < connectionsMax) return null
    return tooManyConnections(connectionsMax)
  }

  #receive(bytes: Buffer, from: HostPort): void {
    this.#counters.packets += 1
    const connection = hasLongHeader(bytes[0] as number)
      ? this.#routeLong(bytes, from)
      : this.#routes.get(routeOf(bytes, shortIdOffset, connectionIdBytes))
    if (connection === undefined) {
      this.#counters.droppedUnknown += 1
      return
    }
    const { remote } = connection
    if (remote.port !== from.port || remote.host !== from.host) {
      // Connections do not move; only somebody who overheard the id would try.
      this.#counters.droppedForeignPath += 1
      return
    }
    connection.receive(bytes)
  }

  #routeLong(bytes: Buffer, from: HostPort): QuicConnection | undefined {
    const header = readLongHeader(bytes)
    if (header === undefined) return undefined
    const route = routeOf(bytes, header.idOffset, header.idLength)
    const known = this.#routes.get(route)
    if (known !== undefined || !header.opens || !this.#mayAccept()) return known
    return this.#accept(route, from)
  }

  #mayAccept(): boolean {
    const { connectionsMax, halfOpenMax } = this.#options.settings
    if (this.#onConnection === null || this.#closing !== null) return false
    if (this.#live.size >= connectionsMax) {
      this.#counters.refusedConnectionLimit += 1
      return false
    }
    if (this.#halfOpen >= halfOpenMax) {
      this.#counters.refusedHalfOpenLimit += 1
      return false
    }
    if (!this.#acceptRate.tryTake(this.#options.scheduler.nowMs())) {
      this.#counters.refusedAcceptRate += 1
      return false
    }
    return true
  }

  #accept(route: string, remote: HostPort): QuicConnection | undefined {
    const id = this.#newId()
    const packetBytes = this.#packetBytes(remote)
    const { local } = this.#shared
    let engine: EngineConnection
    try {
      engine = this.#engine.accept({ id, local, remote, packetBytes })
    } catch {
      // The engine knows no IPv6 zones: a packet from fe80::1%eth0 must not end the process.
      return undefined
    }
    const connection = new QuicConnection(this.#shared, {
      role: 'acceptor',
      engine,
      remote,
      routes: [routeOf(id, 0, id.length), route],
      expect: undefined,
    })
    this.#counters.accepted += 1
    this.#halfOpen += 1
    this.#add(connection)
    return connection
  }

  #add(connection: QuicConnection): void {
    this.#live.add(connection)
    for (const route of connection.routes) this.#routes.set(route, connection)
  }

  #opened(connection: QuicConnection): void {
    this.#counters.established += 1
    const { remote, role } = connection
    const peer = connection.peer.nodeId ?? connection.peer.uri
    this.#options.logger.debug(
      { event: 'connection.open', peer_id: peer, remote: addressWords(remote), role },
      'QUIC connection open',
    )
    if (role === 'dialer') {
      this.#dials.get(connection)?.resolve(connection)
      this.#dials.delete(connection)
      return
    }
    this.#halfOpen -= 1
    if (this.#onConnection === null) {
      void connection.close({ code: layerCodes.shutDown, reason: 'not listening any more' })
      return
    }
    this.#onConnection(connection)
  }

  #closed(connection: QuicConnection, reason: CloseReason): void {
    this.#live.delete(connection)
    if (connection.role === 'acceptor' && !connection.wasOpen) this.#halfOpen -= 1
    const dial = this.#dials.get(connection)
    if (dial !== undefined) {
      this.#dials.delete(connection)
      dial.reject(reason.error ?? lostWhileDialing(connection.remote))
    }
    this.#logEnd(connection, reason)
  }

  #logEnd(connection: QuicConnection, reason: CloseReason): void {
    const { logger } = this.#options
    const { remote, role } = connection
    const fields = {
      remote: addressWords(remote),
      role,
      code: reason.code,
      remote_closed: reason.remote,
    }
    const { error } = reason
    if (error === null) {
      logger.debug({ event: 'connection.closed', ...fields }, 'QUIC connection closed')
    } else if (error.class === 'security') {
      this.#counters.refusedIdentity += 1
      const refused = { event: 'connection.refused', ...fields, error_code: error.code }
      logger.warn(refused, error.message)
    } else {
      const lost = { event: 'connection.lost', ...fields, error_code: error.code }
      logger.debug(lost, error.message)
    }
  }

  #release(connection: QuicConnection): void {
    this.#timers.remove(connection)
    for (const route of connection.routes) this.#routes.delete(route)
  }

  #schedule(connection: QuicConnection): void {
    connection.isScheduled = true
    this.#dirty.push(connection)
    this.#immediate ??= this.#options.scheduler.immediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#immediate = null
    const dirty = this.#dirty
    this.#dirty = []
    const nowMs = this.#options.scheduler.nowMs()
    for (const connection of dirty) {
      connection.isScheduled = false
      connection.turn(nowMs)
    }
  }

  #newId(): Uint8Array {
    return this.#options.random.bytes(connectionIdBytes)
  }

  #packetBytes(remote: HostPort): number {
    return this.#shared.pathSizes.largestTo(remote)
  }
}

function routeOf(bytes: Uint8Array, offset: number, length: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes)
  return buffer.toString('latin1', offset, offset + length)
}

function abortable(
  dialed: Promise<Connection>,
  connection: QuicConnection,
  signal: AbortSignal,
): Promise<Connection> {
  const onAbort = (): void => connection.abort(abandoned(0, cancelled(connection.remote)))
  signal.addEventListener('abort', onAbort, { once: true })
  return dialed.finally(() => signal.removeEventListener('abort', onAbort))
}

function abandoned(code: number, error: NodosumError): LocalClose {
  return { app: true, code, reason: error.code, error }
}
