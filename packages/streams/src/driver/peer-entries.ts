import { BoundedMap, type NodeId, NodosumError } from '@nodosum/kernel'
import { isAtRest, newPeerEntry, type PeerEntry } from './peer-entry.ts'

/**
 * What a node knows of its peers, of a bounded number of them. Entries outlive their session, and
 * sessions their connection, until the room is needed.
 */
export class PeerEntries {
  readonly #peers: BoundedMap<NodeId, PeerEntry>

  constructor(peersMax: number) {
    this.#peers = new BoundedMap(peersMax)
  }

  get(peer: NodeId): PeerEntry | undefined {
    return this.#peers.get(peer)
  }

  values(): IterableIterator<PeerEntry> {
    return this.#peers.values()
  }

  /** The entry of a peer, a new one if there is none; null when there is no room. */
  take(peer: NodeId): PeerEntry | null {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    const entry = newPeerEntry()
    return this.#peers.set(peer, entry) || this.#makeRoom(peer, entry) ? entry : null
  }

  /** A peer that was never met leaves no trace. */
  forgetWhenIdle(peer: NodeId, entry: PeerEntry): void {
    if (isAtRest(entry) && entry.bootId === null) this.#peers.delete(peer)
  }

  clear(): void {
    this.#peers.clear()
  }

  #makeRoom(peer: NodeId, entry: PeerEntry): boolean {
    for (const [other, candidate] of this.#peers.entries()) {
      const { session } = candidate
      if (session !== null && session.carriage === null && session.isIdle) {
        session.end(new NodosumError('ERR_NODOSUM_LIMIT_CONNECTIONS', 'its place was needed'))
      }
      if (!isAtRest(candidate)) continue
      this.#peers.delete(other)
      return this.#peers.set(peer, entry)
    }
    return false
  }
}
