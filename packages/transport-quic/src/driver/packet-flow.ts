import type { PacketSize } from '../core/packet-size.ts'
import type { EngineConnection } from '../ports.ts'
import type { ConnectionMeter } from './connection-meter.ts'
import type { Outlet } from './outlet.ts'
import type { FlushResult, PacketSender } from './packet-sender.ts'
import { PathProbes } from './path-probes.ts'
import type { PathSizes } from './path-sizes.ts'

/** What the packets of a connection are made from. */
export interface PacketFlowOptions {
  readonly engine: EngineConnection
  readonly outlet: Outlet
  readonly sender: PacketSender
  readonly pathSizes: PathSizes
  readonly meter: ConnectionMeter
  readonly nowMs: number
}

/** Per connection and turn, so that one cannot keep the event loop from the others. */
const packetsPerTurnMax = 64
/** A turn writes a little less than it can send, so that a flush usually empties the engine. */
const writtenPacketsPerTurn = 60

/** The packets that a connection sends: how many in one turn, and how large. */
export class PacketFlow {
  /** False while the engine may have more than the last turn could send. */
  isEmpty = true
  readonly #options: PacketFlowOptions
  readonly #size: PacketSize
  #probes: PathProbes | null = null

  constructor(options: PacketFlowOptions) {
    this.#options = options
    this.#size = options.pathSizes.open(options.outlet.remote, options.nowMs)
  }

  /** What streams may hand to the engine in one turn. */
  get writeBudgetBytes(): number {
    return this.#size.bytes * writtenPacketsPerTurn
  }

  /** When `step` has something to do. */
  get deadlineMs(): number {
    return this.#probes?.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  /** The handshake is over: the path can be probed. */
  open(): void {
    const { engine, pathSizes, outlet } = this.#options
    this.#probes = new PathProbes({
      engine,
      size: this.#size,
      sendOne: (bytesMax) => this.#send(1, bytesMax).bytes,
      onChanged: (bytes) => pathSizes.remember(outlet.remote, bytes),
    })
  }

  /** The engine's timer is about to fire. */
  timedOut(nowMs: number): void {
    this.#probes?.timedOut(nowMs)
  }

  /** Before other packets are made: answers and sends probes. */
  step(nowMs: number): void {
    if (this.#probes === null) return
    const { meter } = this.#options
    const { rttMs, lostPackets } = meter.reading(nowMs)
    this.#probes.read(nowMs)
    this.#probes.lost(lostPackets, nowMs)
    this.#probes.step(nowMs, rttMs)
  }

  /** Sends what the engine has, up to the share of one turn. */
  flush(): void {
    this.isEmpty = this.#send(packetsPerTurnMax, this.#size.bytes).complete
  }

  #send(packetsMax: number, packetBytes: number): FlushResult {
    const { sender, engine, outlet, meter } = this.#options
    const result = sender.flush(engine, outlet, packetsMax, packetBytes)
    meter.sent(result)
    return result
  }
}
