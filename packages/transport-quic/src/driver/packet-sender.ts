import type { UdpPort } from '@nodosum/transport'
import { packetBytesSafe } from '../core/packet-size.ts'
import type { EngineConnection } from '../ports.ts'
import type { Outlet } from './outlet.ts'

/** What one flush did. */
export interface FlushResult {
  /** False when the limit was reached and the engine may have more. */
  readonly complete: boolean
  readonly bytes: number
  readonly packets: number
}

/**
 * Turns what connections want to send into datagrams. The buffers are a pool: the socket holds one
 * until it was sent, so they are all free again whenever nothing is in flight.
 */
export class PacketSender {
  readonly #udp: UdpPort
  readonly #bufferBytes: number
  readonly #pool: Buffer[] = []
  #next = 0

  constructor(udp: UdpPort, bufferBytes: number) {
    this.#udp = udp
    this.#bufferBytes = bufferBytes
  }

  /**
   * Sends up to `packetsMax` datagrams of a connection, each of `packetBytes` at most, seal and all.
   * Throws what the engine throws.
   */
  flush(
    engine: EngineConnection,
    outlet: Outlet,
    packetsMax: number,
    packetBytes: number,
  ): FlushResult {
    if (this.#udp.sendsInFlight === 0) this.#next = 0
    const bytesMax = outlet.roomIn(packetBytes)
    let bytes = 0
    for (let count = 0; count < packetsMax; count += 1) {
      const buffer = this.#buffer()
      // The engine makes no datagram that is longer than the buffer.
      const sent = engine.send(upTo(buffer, bytesMax))
      if (sent === null) return { complete: true, bytes, packets: count }
      this.#next += 1
      const length = sent[0]
      bytes += length
      outlet.send(upTo(buffer, length))
    }
    return { complete: false, bytes, packets: packetsMax }
  }

  /** What the engine would send now, up to `packetsMax` datagrams, in memory of its own. */
  capture(engine: EngineConnection, outlet: Outlet, packetsMax: number): Buffer[] {
    const captured: Buffer[] = []
    const buffer = Buffer.allocUnsafeSlow(outlet.roomIn(packetBytesSafe))
    while (captured.length < packetsMax) {
      const sent = engine.send(buffer)
      if (sent === null) break
      captured.push(Buffer.from(buffer.subarray(0, sent[0])))
    }
    return captured
  }

  #buffer(): Buffer {
    const known = this.#pool[this.#next]
    if (known !== undefined) return known
    const made = Buffer.allocUnsafeSlow(this.#bufferBytes)
    // Beyond the pool, when the socket is slower than this end, buffers are used once.
    if (this.#pool.length < poolBuffersMax) this.#pool.push(made)
    return made
  }
}

function upTo(buffer: Buffer, length: number): Buffer {
  return length >= buffer.length ? buffer : buffer.subarray(0, length)
}

/** 2 MiB at the largest packet size; two full turns. */
const poolBuffersMax = 128
