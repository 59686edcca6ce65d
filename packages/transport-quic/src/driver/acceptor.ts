import { TokenBucket } from '@nodosum/kernel'
import type { HostPort, UdpPort } from '@nodosum/transport'
import type { Engine, EngineConnection } from '../ports.ts'
import { type LongHeader, readInitialFields } from '../wire/long-header.ts'
import type { ConnectionShared } from './connection-shared.ts'
import type { EndpointCounters } from './endpoint-counters.ts'
import type { OutletOptions } from './outlet.ts'
import { Outlet } from './outlet.ts'
import { QuicConnection } from './quic-connection.ts'
import type { RetryGate } from './retry-gate.ts'
import { routeOf } from './route.ts'

/** How many are accepted. */
export interface AcceptLimits {
  readonly connectionsMax: number
  readonly halfOpenMax: number
  readonly acceptsPerSecond: number
  readonly acceptBurst: number
}

/** What an acceptor is made of. */
export interface AcceptorParts {
  readonly shared: ConnectionShared
  readonly udp: UdpPort
  readonly handshakes: OutletOptions['handshakes']
  /** Asks dialers whether they are where they say; null where the seal has shown enough. */
  readonly retry: RetryGate | null
  readonly limits: AcceptLimits
  readonly counters: EndpointCounters
  readonly engine: () => Engine
  readonly newId: () => Uint8Array
  readonly connections: () => number
  readonly isListening: () => boolean
}

/** The first packet of a dialer. */
export interface OpeningPacket {
  readonly bytes: Uint8Array
  readonly header: LongHeader
  readonly from: HostPort
  /** The process that sealed it; null when it came in the clear. */
  readonly sender: string | null
}

/** Decides which dialers get a connection. Until one does, nothing is kept of it. */
export class Acceptor {
  readonly #parts: AcceptorParts
  readonly #rate: TokenBucket
  #halfOpen = 0

  constructor(parts: AcceptorParts) {
    const { acceptsPerSecond, acceptBurst } = parts.limits
    this.#parts = parts
    this.#rate = new TokenBucket({
      ratePerSecond: acceptsPerSecond,
      burst: acceptBurst,
      nowMs: parts.shared.scheduler.nowMs(),
    })
  }

  /** A connection, or undefined when the dialer gets none, or not yet. */
  accept(packet: OpeningPacket): QuicConnection | undefined {
    const { retry, newId } = this.#parts
    if (!this.#hasRoom()) return undefined
    if (retry === null) {
      if (!this.#isInTime()) return undefined
      const { bytes, header } = packet
      return this.#open(packet, newId(), [routeOf(bytes, header.idOffset, header.idLength)])
    }
    return this.#acceptOnReturn(retry, packet)
  }

  /** An accepted connection came up, or ended before it did. */
  settled(): void {
    this.#halfOpen -= 1
  }

  #acceptOnReturn(retry: RetryGate, packet: OpeningPacket): QuicConnection | undefined {
    const { udp, counters, engine, shared } = this.#parts
    const fields = readInitialFields(packet.bytes, packet.header)
    if (fields === undefined) return undefined
    const verdict = retry.judge(engine(), fields, packet.from, shared.scheduler.nowMs())
    switch (verdict.kind) {
      case 'drop':
        counters.droppedToken += 1
        return undefined
      case 'retry':
        counters.retries += 1
        udp.send(verdict.packet, packet.from)
        return undefined
      case 'admit': {
        if (!this.#isInTime()) return undefined
        verdict.commit()
        const { originalId } = verdict
        return this.#open(packet, fields.destinationId, [], originalId)
      }
    }
  }

  #hasRoom(): boolean {
    const { limits, counters, connections, isListening } = this.#parts
    if (!isListening()) return false
    if (connections() >= limits.connectionsMax) {
      counters.refusedConnectionLimit += 1
      return false
    }
    if (this.#halfOpen >= limits.halfOpenMax) {
      counters.refusedHalfOpenLimit += 1
      return false
    }
    return true
  }

  #isInTime(): boolean {
    const { counters, shared } = this.#parts
    if (this.#rate.tryTake(shared.scheduler.nowMs())) return true
    counters.refusedAcceptRate += 1
    return false
  }

  #open(
    { from, sender }: OpeningPacket,
    id: Uint8Array,
    routes: readonly string[],
    originalId?: Uint8Array,
  ): QuicConnection | undefined {
    const { shared, udp, handshakes, counters, engine } = this.#parts
    const packetBytes = shared.pathSizes.largestTo(from)
    let made: EngineConnection
    try {
      const path = { id, local: shared.local, remote: from, packetBytes }
      made = engine().accept(originalId === undefined ? path : { ...path, originalId })
    } catch {
      // The engine knows no IPv6 zones: a packet from fe80::1%eth0 must not end the process.
      return undefined
    }
    counters.accepted += 1
    this.#halfOpen += 1
    return new QuicConnection(shared, {
      role: 'acceptor',
      engine: made,
      outlet: new Outlet({ udp, handshakes, remote: from, recipient: sender }),
      routes: [routeOf(id, 0, id.length), ...routes],
      expect: undefined,
    })
  }
}
