import { datagramKind, type HostPort } from '@nodosum/transport'
import type { SealedHandshakes } from '../ports.ts'
import {
  connectionIdBytes,
  hasLongHeader,
  initialDatagramBytesMin,
  readLongHeader,
  shortIdOffset,
} from '../wire/long-header.ts'
import type { OpeningPacket } from './acceptor.ts'
import type { EndpointCounters } from './endpoint-counters.ts'
import type { ForgottenConnections } from './forgotten-connections.ts'
import type { QuicConnection } from './quic-connection.ts'
import { routeOf } from './route.ts'

/** What a router is made of. */
export interface RouterParts {
  readonly counters: EndpointCounters
  /** With both, a handshake in the clear reaches nobody; without, one in a seal. */
  readonly sealed: {
    readonly handshakes: SealedHandshakes
    readonly forgotten: ForgottenConnections
  } | null
  readonly accept: (packet: OpeningPacket) => QuicConnection | undefined
  readonly connections: () => Iterable<QuicConnection>
}

/** Takes every datagram to its connection. What belongs to none is counted and dropped. */
export class PacketRouter {
  readonly #parts: RouterParts
  readonly #counters: EndpointCounters
  /** By the bytes of every id of ours, and of what a client first called us. */
  readonly #routes = new Map<string, QuicConnection>()

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#counters = parts.counters
  }

  add(connection: QuicConnection): void {
    for (const route of connection.routes) this.#routes.set(route, connection)
  }

  remove(connection: QuicConnection): void {
    for (const route of connection.routes) this.#routes.delete(route)
  }

  clear(): void {
    this.#routes.clear()
  }

  receive(bytes: Buffer, from: HostPort): void {
    this.#counters.packets += 1
    const { sealed } = this.#parts
    const kind = datagramKind(bytes[0] as number)
    if (kind === 'short') return this.#receiveShort(bytes, from)
    if (kind === 'handshake' && sealed !== null) {
      return this.#receiveSealed(bytes, from, sealed.handshakes, sealed.forgotten)
    }
    if (kind === 'long' && sealed === null) return this.#receiveLong(bytes, from, null)
    if (kind === 'long') this.#counters.droppedUnsealed += 1
    else this.#counters.droppedUnknown += 1
  }

  #receiveShort(bytes: Buffer, from: HostPort): void {
    const connection = this.#routes.get(routeOf(bytes, shortIdOffset, connectionIdBytes))
    if (connection === undefined) {
      this.#counters.droppedUnknown += 1
      this.#parts.sealed?.forgotten.tell(bytes, from)
    } else if (this.#isFromPeer(connection, from)) {
      connection.outlet.isPastHandshake = true
      connection.receive(bytes)
    }
  }

  #receiveSealed(
    bytes: Buffer,
    from: HostPort,
    { seal }: SealedHandshakes,
    forgotten: ForgottenConnections,
  ): void {
    const content = seal.open(bytes)
    if (content === undefined || content.length === 0) {
      this.#counters.droppedUnopened += 1
    } else if (hasLongHeader(content[0] as number)) {
      this.#receiveLong(paddedAsSent(content, bytes.length), from, seal.lastSender)
    } else if (!forgotten.heard(content, from, this.#parts.connections())) {
      this.#counters.droppedUnknown += 1
    }
  }

  #receiveLong(bytes: Buffer, from: HostPort, sender: string | null): void {
    const header = readLongHeader(bytes)
    if (header === undefined) {
      this.#counters.droppedUnknown += 1
      return
    }
    const known = this.#routes.get(routeOf(bytes, header.idOffset, header.idLength))
    if (known !== undefined) {
      if (this.#isFromPeer(known, from)) known.receive(bytes)
      return
    }
    if (!header.opens) {
      this.#counters.droppedUnknown += 1
      return
    }
    const opened = this.#parts.accept({ bytes, header, from, sender })
    opened?.receive(bytes)
  }

  /** Connections do not move; only somebody who overheard the id would try. */
  #isFromPeer({ remote }: QuicConnection, from: HostPort): boolean {
    if (remote.port === from.port && remote.host === from.host) return true
    this.#counters.droppedForeignPath += 1
    return false
  }
}

/**
 * A dialer has to show that the path carries 1,200 bytes, which it does with the sealed datagram:
 * what the seal took of them is given back as the padding that a datagram may end with.
 */
function paddedAsSent(content: Uint8Array, wireBytes: number): Buffer {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length)
  const missing = initialDatagramBytesMin - bytes.length
  if (missing <= 0 || wireBytes < initialDatagramBytesMin) return bytes
  return Buffer.concat([bytes, Buffer.alloc(missing)])
}
