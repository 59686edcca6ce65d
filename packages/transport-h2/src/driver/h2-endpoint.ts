import { type Logger, NodosumError, type Scheduler } from '@nodosum/kernel'
import type {
  CloseReason,
  Connection,
  ConnectOptions,
  HostPort,
  Listener,
  Transport,
  TransportSnapshot,
  VerifyPeer,
} from '@nodosum/transport'
import { addressProblem, addressWords } from '../core/address.ts'
import { Admission } from '../core/admission.ts'
import type { H2Settings } from '../options.ts'
import type { Door, LinkEvents, Network } from '../ports.ts'
import { abandoned, notListening } from './close-reason.ts'
import type { ConnectionShared } from './connection-shared.ts'
import {
  alreadyListening,
  cancelled,
  shutDown,
  tooManyConnections,
  undialable,
} from './endpoint-errors.ts'
import { H2Connection } from './h2-connection.ts'

/** What an endpoint is made of. */
export interface EndpointOptions {
  readonly host: string
  /** 0 picks one, which is kept for later. */
  readonly port: number
  readonly network: Network
  readonly verifyPeer: VerifyPeer
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly settings: H2Settings
}

interface PendingDial {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: NodosumError) => void
}

/** HTTP/2 over one TCP port: accepting, dialing, and the account of both. */
export class H2Endpoint implements Transport {
  readonly kind = 'h2'
  readonly #options: EndpointOptions
  readonly #shared: ConnectionShared
  readonly #admission: Admission
  readonly #live = new Set<H2Connection>()
  /** All whose socket is still there, also of connections that are over. */
  readonly #sockets = new Set<H2Connection>()
  readonly #dials = new Map<H2Connection, PendingDial>()
  readonly #counters = {
    accepted: 0,
    dialed: 0,
    established: 0,
    lost: 0,
    refusedIdentity: 0,
    refusedConnectionLimit: 0,
    refusedHalfOpenLimit: 0,
    refusedSourceLimit: 0,
    refusedAcceptRate: 0,
    refusedVersion: 0,
    refusedStreams: 0,
    failedHandshakes: 0,
    handshakeTimeouts: 0,
    violations: 0,
  }
  #port: number
  #door: Door | null = null
  #isOpening = false
  #onConnection: ((connection: Connection) => void) | null = null
  #closing: Promise<void> | null = null
  #onSocketGone: (() => void) | null = null

  constructor(options: EndpointOptions) {
    const { settings, scheduler, logger, verifyPeer, port } = options
    this.#options = options
    this.#port = port
    this.#admission = new Admission(settings, scheduler.nowMs())
    this.#shared = {
      scheduler,
      logger,
      verifyPeer,
      settings,
      counters: this.#counters,
      opened: (connection) => this.#opened(connection),
      closed: (connection, reason) => this.#closed(connection, reason),
      gone: (connection) => this.#gone(connection),
    }
  }

  async listen(onConnection: (connection: Connection) => void): Promise<Listener> {
    if (this.#closing !== null) throw shutDown()
    const { host, network } = this.#options
    if (this.#isOpening || this.#door !== null) throw alreadyListening({ host, port: this.#port })
    this.#isOpening = true
    let door: Door
    try {
      door = await network.open(host, this.#port, (remote) => this.#visited(remote))
    } finally {
      this.#isOpening = false
    }
    if (this.#isClosing()) {
      await door.close()
      throw shutDown()
    }
    this.#door = door
    this.#port = door.address.port
    this.#onConnection = onConnection
    return { address: door.address, close: () => this.#shut(door) }
  }

  connect(remote: HostPort, options: ConnectOptions = {}): Promise<Connection> {
    const refusal = this.#dialRefusal(remote, options)
    if (refusal !== null) return Promise.reject(refusal)
    const connection = new H2Connection(this.#shared, {
      role: 'dialer',
      remote,
      expect: options.expect,
      admitted: null,
    })
    this.#counters.dialed += 1
    this.#add(connection)
    const dialed = new Promise<Connection>((resolve, reject) => {
      this.#dials.set(connection, { resolve, reject })
    })
    try {
      this.#options.network.dial(remote, connection)
    } catch (cause) {
      connection.abort(abandoned(undialable(remote, cause)))
      this.#gone(connection)
    }
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
      listening: this.#door === null ? null : this.#door.address,
      connections,
      counters: { ...this.#counters },
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const door = this.#door
    if (door !== null) await this.#shut(door)
    const closes = [...this.#live].map((connection) => {
      if (connection.isHandshaking) connection.abort(abandoned(shutDown()))
      return connection.close({ code: 0, reason: 'shutting down' })
    })
    await Promise.all(closes)
    while (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onSocketGone = resolve
      })
    }
  }

  #isClosing(): boolean {
    return this.#closing !== null
  }

  async #shut(door: Door): Promise<void> {
    if (this.#door === door) {
      this.#door = null
      this.#onConnection = null
    }
    await door.close()
  }

  #dialRefusal(remote: HostPort, options: ConnectOptions): NodosumError | null {
    if (this.#closing !== null) return shutDown()
    if (options.signal?.aborted === true) return cancelled(remote)
    const problem = addressProblem(remote)
    if (problem !== null) return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', problem)
    const { connectionsMax } = this.#options.settings
    return this.#live.size < connectionsMax ? null : tooManyConnections(connectionsMax)
  }

  #visited(remote: HostPort): LinkEvents | null {
    const { scheduler } = this.#options
    const admitted = this.#admission.admit(remote.host, this.#live.size, scheduler.nowMs())
    if (typeof admitted === 'string') {
      const counter = {
        connections: 'refusedConnectionLimit',
        'half-open': 'refusedHalfOpenLimit',
        source: 'refusedSourceLimit',
        rate: 'refusedAcceptRate',
      } as const
      this.#counters[counter[admitted]] += 1
      return null
    }
    const connection = new H2Connection(this.#shared, {
      role: 'acceptor',
      remote,
      expect: undefined,
      admitted,
    })
    this.#counters.accepted += 1
    this.#add(connection)
    return connection
  }

  #add(connection: H2Connection): void {
    this.#live.add(connection)
    this.#sockets.add(connection)
  }

  #opened(connection: H2Connection): void {
    this.#counters.established += 1
    const { remote, role, admitted } = connection
    const peer = connection.peer.nodeId ?? connection.peer.uri
    this.#options.logger.debug(
      { event: 'connection.open', peer_id: peer, remote: addressWords(remote), role },
      'HTTP/2 connection open',
    )
    if (admitted === null) {
      this.#dials.get(connection)?.resolve(connection)
      this.#dials.delete(connection)
      return
    }
    this.#admission.opened(admitted)
    if (this.#onConnection === null) connection.abort(notListening())
    else this.#onConnection(connection)
  }

  #closed(connection: H2Connection, reason: CloseReason): void {
    this.#live.delete(connection)
    if (connection.admitted !== null) this.#admission.left(connection.admitted)
    const dial = this.#dials.get(connection)
    if (dial !== undefined) {
      this.#dials.delete(connection)
      dial.reject(reason.error ?? shutDown())
    }
    this.#account(connection, reason)
  }

  #account(connection: H2Connection, reason: CloseReason): void {
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
      logger.debug({ event: 'connection.closed', ...fields }, 'HTTP/2 connection closed')
    } else if (error.class === 'security') {
      this.#counters.refusedIdentity += 1
      const refused = { event: 'connection.refused', ...fields, error_code: error.code }
      logger.warn(refused, error.message)
    } else {
      if (error.code === 'ERR_NODOSUM_VERSION_INCOMPATIBLE') this.#counters.refusedVersion += 1
      else if (connection.wasOpen) this.#counters.lost += 1
      else this.#counters.failedHandshakes += 1
      const lost = { event: 'connection.lost', ...fields, error_code: error.code }
      logger.debug(lost, error.message)
    }
  }

  #gone(connection: H2Connection): void {
    this.#sockets.delete(connection)
    this.#onSocketGone?.()
  }
}

function abortable(
  dialed: Promise<Connection>,
  connection: H2Connection,
  signal: AbortSignal,
): Promise<Connection> {
  const onAbort = (): void => {
    if (connection.isHandshaking) connection.abort(abandoned(cancelled(connection.remote)))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return dialed.finally(() => signal.removeEventListener('abort', onAbort))
}
