import {
  type Logger,
  NodosumError,
  type Random,
  type Scheduler,
  type TimerHandle,
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
import type { Engine, EngineConnection, RetryTokens, SealedHandshakes } from '../ports.ts'
import { connectionIdBytes } from '../wire/long-header.ts'
import { Acceptor } from './acceptor.ts'
import { addressProblem, addressWords } from './address.ts'
import type { LocalClose } from './close-reason.ts'
import type { ConnectionShared } from './connection-shared.ts'
import { ConnectionTimers } from './connection-timers.ts'
import { newEndpointCounters } from './endpoint-counters.ts'
import {
  alreadyListening,
  cancelled,
  lostWhileDialing,
  nobodyKnownAt,
  shutDown,
  tooManyConnections,
  undialable,
} from './endpoint-errors.ts'
import { ForgottenConnections } from './forgotten-connections.ts'
import { Outlet } from './outlet.ts'
import { PacketRouter } from './packet-router.ts'
import { PacketSender } from './packet-sender.ts'
import { PathSizes, packetBytesMax } from './path-sizes.ts'
import { QuicConnection } from './quic-connection.ts'
import { ReceiveSlab } from './receive-slab.ts'
import { RetryGate } from './retry-gate.ts'
import { routeOf } from './route.ts'

/** What an endpoint is made of. */
export interface EndpointOptions {
  readonly udp: UdpPort
  readonly engine: Engine
  readonly protocol: string
  readonly verifyPeer: VerifyPeer
  /** Keeps handshakes inside the cluster; null where there is no key. */
  readonly handshakes: SealedHandshakes | null
  /** Takes the place of the seal where there is none. */
  readonly retryTokens: RetryTokens
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

/** QUIC over one UDP port: dialing, listening, and the turns of the event loop. */
export class QuicEndpoint implements Transport {
  readonly kind = 'quic'
  readonly #options: EndpointOptions
  #engine: Engine
  readonly #shared: ConnectionShared
  readonly #timers: ConnectionTimers
  readonly #acceptor: Acceptor
  readonly #router: PacketRouter
  readonly #live = new Set<QuicConnection>()
  readonly #dials = new Map<QuicConnection, PendingDial>()
  readonly #counters = newEndpointCounters()
  #dirty: QuicConnection[] = []
  #immediate: TimerHandle | null = null
  #onConnection: ((connection: Connection) => void) | null = null
  #closing: Promise<void> | null = null

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#engine = options.engine
    const { udp, scheduler, settings } = options
    const { packetBytes } = settings
    this.#timers = new ConnectionTimers(scheduler, () => this.#counters.packets)
    const bufferBytes = packetBytes === 'auto' ? packetBytesMax : packetBytes
    this.#shared = {
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
    this.#acceptor = this.#newAcceptor(options)
    this.#router = this.#newRouter(options)
    udp.onQuic = (bytes, from) => this.#router.receive(bytes, from)
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
    const packetBytes = this.#shared.pathSizes.largestTo(remote)
    let engine: EngineConnection
    try {
      engine = this.#engine.dial({ id, local: this.#shared.local, remote, packetBytes })
    } catch (cause) {
      return Promise.reject(undialable(remote, cause))
    }
    const { udp, handshakes } = this.#options
    const connection = new QuicConnection(this.#shared, {
      role: 'dialer',
      engine,
      outlet: new Outlet({ udp, handshakes, remote, recipient: null }),
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
    const { droppedBySystem } = this.#options.udp.stats()
    const connections = []
    for (const connection of this.#live) {
      const one = connection.snapshot()
      if (one !== null) connections.push(one)
    }
    return {
      kind: this.kind,
      listening: this.#onConnection === null ? null : this.#options.udp.address,
      connections,
      counters: {
        ...this.#counters,
        deferredTimers: this.#timers.deferrals,
        ...(droppedBySystem === null ? {} : { droppedBySystem }),
      },
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
    this.#router.clear()
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
    if (this.#live.size >= connectionsMax) return tooManyConnections(connectionsMax)
    const { handshakes } = this.#options
    return handshakes?.processAt(remote) === undefined && handshakes !== null
      ? nobodyKnownAt(remote)
      : null
  }

  #newAcceptor({ udp, handshakes, retryTokens, settings }: EndpointOptions): Acceptor {
    const shared = this.#shared
    return new Acceptor({
      shared,
      udp,
      handshakes,
      retry: handshakes === null ? new RetryGate(retryTokens, shared.randomBytes) : null,
      limits: settings,
      counters: this.#counters,
      engine: () => this.#engine,
      newId: () => this.#newId(),
      connections: () => this.#live.size,
      isListening: () => this.#onConnection !== null && this.#closing === null,
    })
  }

  #newRouter({ udp, handshakes, scheduler, settings }: EndpointOptions): PacketRouter {
    const counters = this.#counters
    const { noticesPerSecond } = settings
    return new PacketRouter({
      counters,
      sealed: handshakes && {
        handshakes,
        forgotten: new ForgottenConnections({
          udp,
          handshakes,
          scheduler,
          counters,
          noticesPerSecond,
        }),
      },
      accept: (packet) => {
        const connection = this.#acceptor.accept(packet)
        if (connection !== undefined) this.#add(connection)
        return connection
      },
      connections: () => this.#live,
    })
  }

  #add(connection: QuicConnection): void {
    this.#live.add(connection)
    this.#router.add(connection)
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
    this.#acceptor.settled()
    if (this.#onConnection === null) {
      void connection.close({ code: layerCodes.shutDown, reason: 'not listening any more' })
      return
    }
    this.#onConnection(connection)
  }

  #closed(connection: QuicConnection, reason: CloseReason): void {
    this.#live.delete(connection)
    if (connection.role === 'acceptor' && !connection.wasOpen) this.#acceptor.settled()
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
    this.#router.remove(connection)
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
