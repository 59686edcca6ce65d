import { BoundedMap, type Logger } from '@nodosum/kernel'
import type { HostPort } from '@nodosum/transport'
import { PacketSize, packetBytesSafe } from '../core/packet-size.ts'
import { addressWords, isLoopback } from './address.ts'

/** The most the engine can write. */
export const packetBytesMax = 16_383
/** What most networks carry, and what Ethernet carries under IPv6. */
const commonRungs = [1_350, 1_452]
/** Peers whose size is remembered beyond their connections; the oldest goes first. */
const rememberedMax = 4_096

/** The packet sizes to all peers: where to begin, and what was learned of each. */
export class PathSizes {
  readonly #setting: 'auto' | number
  readonly #logger: Logger
  readonly #known = new BoundedMap<string, number>(rememberedMax)

  constructor(packetBytes: 'auto' | number, logger: Logger) {
    this.#setting = packetBytes
    this.#logger = logger
  }

  /** The largest datagram that may ever be sent there. */
  largestTo(remote: HostPort): number {
    if (this.#setting !== 'auto') return this.#setting
    return isLoopback(remote.host) ? packetBytesMax : (commonRungs.at(-1) as number)
  }

  /** For one more connection to the peer. */
  open(remote: HostPort, nowMs: number): PacketSize {
    const largest = this.largestTo(remote)
    const rungs = commonRungs.filter((rung) => rung < largest)
    if (largest > packetBytesSafe) rungs.push(largest)
    const isTrusted = this.#setting !== 'auto' || isLoopback(remote.host)
    const start = this.#known.get(addressWords(remote)) ?? (isTrusted ? largest : packetBytesSafe)
    return new PacketSize(rungs, start, nowMs)
  }

  /** The size to a peer has changed: its next connection begins with this. */
  remember(remote: HostPort, bytes: number): void {
    const key = addressWords(remote)
    const oldest = this.#known.isFull && !this.#known.has(key) ? this.#known.oldestKey() : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, bytes)
    const fields = { event: 'connection.packet_size', remote: key, bytes }
    this.#logger.debug(fields, `packets to ${key} have at most ${bytes} bytes from now on`)
  }
}
