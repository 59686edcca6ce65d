import type { HostPort, UdpPort } from '@nodosum/transport'
import { packetBytesSafe } from '../core/packet-size.ts'
import type { SealedHandshakes } from '../ports.ts'
import { hasLongHeader } from '../wire/long-header.ts'

/** What an outlet is made of. */
export interface OutletOptions {
  readonly udp: UdpPort
  /** Null where handshakes travel in the clear. */
  readonly handshakes: SealedHandshakes | null
  readonly remote: HostPort
  /** The process that is answered; null to take whoever is known at the address at that moment. */
  readonly recipient: string | null
}

/**
 * The way out to one peer. What has a long header leaves sealed, each time anew: the other end opens
 * no datagram twice. Everything else leaves as it is and pays nothing.
 */
export class Outlet {
  readonly remote: HostPort
  /**
   * A short header has come from the peer, which has finished the handshake then: this end will send
   * no more long headers that matter.
   */
  isPastHandshake = false
  readonly #udp: UdpPort
  readonly #handshakes: SealedHandshakes | null
  readonly #recipient: string | null

  constructor({ udp, handshakes, remote, recipient }: OutletOptions) {
    this.remote = remote
    this.#udp = udp
    this.#handshakes = handshakes
    this.#recipient = recipient
  }

  /**
   * What a datagram may have before it is sealed, so that it has at most so much afterwards. Until the
   * handshake is over that is what every path carries, whatever an earlier connection has found or
   * somebody has configured: no probe can show yet that it still holds.
   */
  roomIn(packetBytes: number): number {
    if (this.isPastHandshake) return packetBytes
    return Math.min(packetBytes, packetBytesSafe) - (this.#handshakes?.overheadBytes ?? 0)
  }

  send(bytes: Uint8Array): void {
    const handshakes = this.#handshakes
    if (handshakes === null || !hasLongHeader(bytes[0] as number)) {
      this.#udp.send(bytes, this.remote)
      return
    }
    const recipient = this.#recipient ?? handshakes.processAt(this.remote)
    // Nobody is known there any more: as if the network had lost it.
    if (recipient === undefined) return
    this.#udp.send(handshakes.seal.seal(bytes, recipient), this.remote)
  }
}
