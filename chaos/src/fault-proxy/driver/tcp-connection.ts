import type { Socket } from 'node:net'
import type { Direction, PerDirection } from '../core/faults.ts'
import type { TcpLane, TcpLaneSetup } from './tcp-lane.ts'

/** What a connection needs from its proxy. */
export interface TcpConnectionSetup {
  readonly client: Socket
  /** Null when nobody is dialed: both directions are dead. */
  readonly upstream: Socket | null
  readonly makeLane: (
    direction: Direction,
    ends: Pick<TcpLaneSetup, 'source' | 'sink' | 'onReset'>,
  ) => TcpLane
  /** Both sockets are gone. */
  readonly onClosed: () => void
}

/** A client's connection, the one to the upstream that belongs to it, and the lanes between them. */
export class TcpConnection {
  readonly #client: Socket
  readonly #upstream: Socket | null
  readonly #lanes: PerDirection<TcpLane | null>
  readonly #onClosed: () => void
  #open: number

  constructor({ client, upstream, makeLane, onClosed }: TcpConnectionSetup) {
    this.#client = client
    this.#upstream = upstream
    this.#onClosed = onClosed
    this.#open = upstream === null ? 1 : 2
    const lane = (direction: Direction, source: Socket, sink: Socket | null): TcpLane =>
      makeLane(direction, {
        source,
        sink,
        onReset: (where) => (where === 'both' ? this.reset() : sink?.resetAndDestroy()),
      })
    const forward = lane('forward', client, upstream)
    const backward = upstream === null ? null : lane('backward', upstream, client)
    this.#lanes = { forward, backward }
    this.#connect(client, forward, backward)
    if (upstream !== null && backward !== null) this.#connect(upstream, backward, forward)
  }

  /** The faults have changed. */
  release(): void {
    this.#lanes.forward?.release()
    this.#lanes.backward?.release()
  }

  /** Both ends get a TCP RST, now. */
  reset(): void {
    this.#client.resetAndDestroy()
    this.#upstream?.resetAndDestroy()
  }

  /** What comes from a socket goes out through one lane; the other lane leads to it. */
  #connect(socket: Socket, outgoing: TcpLane, incoming: TcpLane | null): void {
    socket.on('data', (bytes: Buffer) => outgoing.take(bytes))
    socket.on('end', () => outgoing.takeEnd())
    socket.on('drain', () => incoming?.release())
    // Reset by its end, or, of the upstream, never connected: the other end hears of it.
    socket.on('error', () => outgoing.takeReset())
    socket.on('close', () => {
      incoming?.die()
      this.#open -= 1
      if (this.#open === 0) this.#onClosed()
    })
  }
}
