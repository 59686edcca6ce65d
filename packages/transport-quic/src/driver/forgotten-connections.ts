import { type Scheduler, TokenBucket } from '@nodosum/kernel'
import type { HostPort, UdpPort } from '@nodosum/transport'
import type { SealedHandshakes } from '../ports.ts'
import { connectionIdBytes, shortIdOffset } from '../wire/long-header.ts'
import { readForgotten, writeForgotten } from '../wire/sealed-word.ts'
import { addressWords } from './address.ts'
import { forgottenByPeer } from './close-reason.ts'
import type { EndpointCounters } from './endpoint-counters.ts'
import type { QuicConnection } from './quic-connection.ts'
import { routeOf } from './route.ts'

/** What is needed to tell members, and to hear them. */
export interface ForgottenParts {
  readonly udp: UdpPort
  readonly handshakes: SealedHandshakes
  readonly scheduler: Scheduler
  readonly counters: EndpointCounters
  readonly noticesPerSecond: number
}

/** A connection that was told of is not told of again for so long. */
const quietMs = 1_000

/**
 * Packets for connections that this process does not know: most likely those of the process that ran
 * here before. A member is told so, sealed, and replaces the connection at once instead of waiting
 * for its timeout. Strangers get nothing.
 */
export class ForgottenConnections {
  readonly #parts: ForgottenParts
  readonly #rate: TokenBucket
  /** At most what one second of notices names. */
  readonly #told = new Set<string>()
  #toldSinceMs: number

  constructor(parts: ForgottenParts) {
    const { noticesPerSecond, scheduler } = parts
    const nowMs = scheduler.nowMs()
    this.#parts = parts
    this.#toldSinceMs = nowMs
    this.#rate = new TokenBucket({
      ratePerSecond: noticesPerSecond,
      burst: noticesPerSecond,
      nowMs,
    })
  }

  /** @param bytes a packet with a short header that belongs to no connection here */
  tell(bytes: Buffer, from: HostPort): void {
    const { udp, handshakes, scheduler, counters } = this.#parts
    if (bytes.length < shortIdOffset + connectionIdBytes) return
    const recipient = handshakes.processAt(from)
    if (recipient === undefined) return
    const nowMs = scheduler.nowMs()
    if (nowMs - this.#toldSinceMs >= quietMs) {
      this.#told.clear()
      this.#toldSinceMs = nowMs
    }
    const id = routeOf(bytes, shortIdOffset, connectionIdBytes)
    if (this.#told.has(id) || !this.#rate.tryTake(nowMs)) return
    this.#told.add(id)
    counters.forgottenSent += 1
    const word = writeForgotten(bytes.subarray(shortIdOffset, shortIdOffset + connectionIdBytes))
    udp.send(handshakes.seal.seal(word, recipient), from)
  }

  /** A sealed word of a peer. Returns false when it is none that is known. */
  heard(word: Uint8Array, from: HostPort, connections: Iterable<QuicConnection>): boolean {
    const id = readForgotten(word)
    if (id === undefined) return false
    for (const connection of connections) {
      const { remote } = connection
      if (remote.port !== from.port || remote.host !== from.host) continue
      if (Buffer.compare(connection.peerId, id) !== 0) continue
      this.#parts.counters.forgottenHeard += 1
      connection.abort(forgottenByPeer(addressWords(remote)))
      break
    }
    return true
  }
}
