import type { Server, Socket } from 'node:net'
import type { Address } from '../address.ts'
import {
  type Direction,
  directions,
  type PerDirection,
  perfectTcp,
  type TcpFaults,
} from '../core/faults.ts'
import { Wire } from '../core/link.ts'
import { StreamFaults } from '../core/stream-faults.ts'
import type { TcpLimits } from '../limit-options.ts'
import { FaultProxy, type ProxySetup } from './fault-proxy.ts'
import { TcpConnection } from './tcp-connection.ts'
import { TcpLane } from './tcp-lane.ts'

/** The sockets a proxy works with. */
export interface TcpSockets {
  /** Listens already; both kinds of sockets allow one direction to end before the other. */
  readonly server: Server
  readonly address: Address
  readonly dial: (to: Address) => Socket
}

/** Forwards TCP connections to one upstream address, each over a connection of its own. */
export class TcpProxy extends FaultProxy<TcpFaults> {
  readonly address: Address
  readonly #limits: TcpLimits
  readonly #sockets: TcpSockets
  readonly #wires: PerDirection<Wire> = { forward: new Wire(), backward: new Wire() }
  readonly #connections = new Map<TcpConnection, readonly Socket[]>()
  #accepted = 0
  #closing: Promise<void> | undefined

  /** @throws ERR_NODOSUM_CONFIG_INVALID */
  constructor(
    setup: Omit<ProxySetup<TcpFaults>, 'protocol' | 'perfect'>,
    limits: TcpLimits,
    sockets: TcpSockets,
  ) {
    super({ ...setup, protocol: 'tcp', perfect: perfectTcp })
    this.address = sockets.address
    this.#limits = limits
    this.#sockets = sockets
    sockets.server.on('connection', (client) => this.#accept(client))
  }

  /** Connections it holds now. */
  get connections(): number {
    return this.#connections.size
  }

  /** Resets every connection: both ends get a TCP RST. @returns how many there were */
  reset(): number {
    const open = [...this.#connections.keys()]
    for (const direction of directions) this.tallies[direction].reset += open.length
    for (const connection of open) connection.reset()
    return open.length
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#sockets.server.close(() => resolve())
      for (const sockets of this.#connections.values()) {
        for (const socket of sockets) socket.destroy()
      }
    })
    return this.#closing
  }

  protected changed(): void {
    for (const connection of this.#connections.keys()) connection.release()
  }

  #accept(client: Socket): void {
    if (this.#connections.size >= this.#limits.connectionsMax || this.#closing !== undefined) {
      this.tallies.forward.overflow += 1
      client.resetAndDestroy()
      return
    }
    const goesNowhere = directions.every((direction) => this.faults[direction].halfOpen)
    if (goesNowhere) for (const direction of directions) this.tallies[direction].halfOpen += 1
    const upstream = goesNowhere ? null : this.#sockets.dial(this.to)
    const random = this.random.stream(`connection ${this.#accepted++}`)
    const connection: TcpConnection = new TcpConnection({
      client,
      upstream,
      makeLane: (direction: Direction, ends) =>
        new TcpLane({
          ...ends,
          scheduler: this.scheduler,
          tally: this.tallies[direction],
          decisions: new StreamFaults(
            random.stream(direction),
            this.tallies[direction],
            this.#wires[direction],
          ),
          faults: () => this.faults[direction],
          bytesMax: this.#limits.laneBytesMax,
        }),
      onClosed: () => this.#connections.delete(connection),
    })
    this.#connections.set(connection, upstream === null ? [client] : [client, upstream])
  }
}
