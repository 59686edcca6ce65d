/** So many packets in a row came on a connection only: then the network lets no UDP pass. */
const missedNeeded = 3

/** A packet that was sent both ways may arrive so much earlier on the connection. */
const twinWithinMs = 2_000

/** What a peer said about the way to it holds for so long. */
const saidForMs = 30_000

/** Peers that are remembered; the one that was heard least recently goes first. */
const peersMax = 4_096

interface Evidence {
  /** When a packet of the peer arrived by UDP last; null before one did. */
  udpMs: number | null
  /** Packets in a row that came on a connection while none came by UDP. */
  missed: number
  /** When the peer said last that it does not hear this node by UDP. */
  unheardMs: number
  /** What the peer was told last. */
  toldUnheard: boolean
  /** Suspected since a packet came by UDP. */
  isDoubted: boolean
}

/**
 * Whether UDP passes between this node and each of its peers. What goes around over a connection is
 * sent by UDP as well, so each such packet that arrives without its twin is evidence against UDP, and
 * each packet by UDP is proof for it.
 */
export class PathEvidence {
  readonly #peers = new Map<string, Evidence>()

  /** A packet of this process opened that had come by UDP. */
  cameByUdp(bootId: string, nowMs: number): void {
    const peer = this.#of(bootId)
    peer.udpMs = nowMs
    peer.missed = 0
    peer.isDoubted = false
    this.#peers.delete(bootId)
    this.#peers.set(bootId, peer)
  }

  /** @param isUnheard whether the peer says that it does not hear this node by UDP */
  cameAround(bootId: string, nowMs: number, isUnheard: boolean): void {
    const peer = this.#of(bootId)
    if (peer.udpMs === null || nowMs - peer.udpMs > twinWithinMs) peer.missed += 1
    peer.unheardMs = isUnheard ? nowMs : Number.NEGATIVE_INFINITY
  }

  /** The peer does not answer: perhaps only UDP does not pass any more. */
  doubt(bootId: string): void {
    this.#of(bootId).isDoubted = true
  }

  /** Whether packets should also go around, if a connection is there. */
  goesAround(bootId: string, nowMs: number): boolean {
    const peer = this.#peers.get(bootId)
    if (peer === undefined || peer.udpMs === null) return true
    // A peer that was told that it is not heard has to hear that it is again.
    return peer.toldUnheard || this.isWorthADial(bootId, nowMs)
  }

  /** Whether there is reason enough to open a connection for it. */
  isWorthADial(bootId: string, nowMs: number): boolean {
    const peer = this.#peers.get(bootId)
    return peer !== undefined && (peer.isDoubted || this.isBlocked(bootId, nowMs))
  }

  /** Whether UDP does not pass, in one direction at least. */
  isBlocked(bootId: string, nowMs: number): boolean {
    const peer = this.#peers.get(bootId)
    if (peer === undefined) return false
    return peer.missed >= missedNeeded || nowMs - peer.unheardMs < saidForMs
  }

  /** Whether the peer should be told that it is not heard by UDP. */
  isUnheard(bootId: string): boolean {
    const peer = this.#peers.get(bootId)
    return peer !== undefined && (peer.isDoubted || peer.missed >= missedNeeded)
  }

  /** A packet has gone around that says so. */
  told(bootId: string, isUnheard: boolean): void {
    this.#of(bootId).toldUnheard = isUnheard
  }

  #of(bootId: string): Evidence {
    let peer = this.#peers.get(bootId)
    if (peer === undefined) {
      peer = {
        udpMs: null,
        missed: 0,
        unheardMs: Number.NEGATIVE_INFINITY,
        toldUnheard: false,
        isDoubted: false,
      }
      this.#peers.set(bootId, peer)
      const [oldest] = this.#peers.keys()
      if (this.#peers.size > peersMax && oldest !== undefined) this.#peers.delete(oldest)
    }
    return peer
  }
}
