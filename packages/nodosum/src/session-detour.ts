import {
  BoundedMap,
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
  type Scheduler,
  TokenBucket,
} from '@nodosum/kernel'
import type { Detour } from '@nodosum/membership'
import type { MessagingService } from '@nodosum/messaging'
import type { SessionTable } from '@nodosum/streams'
import type { HostPort, PeerAddress } from '@nodosum/transport'
import { gossipApplication } from './internal-applications.ts'

/** What a detour is made of. */
export interface SessionDetourParts {
  readonly sessions: SessionTable
  readonly messaging: MessagingService
  /** Lets this peer be sent to, whatever membership thinks of it, until the release is called. */
  readonly vouch: (peer: NodeId) => () => void
  /** Who is at an address, by the certificate it presents over TCP. */
  readonly identify: (address: HostPort, signal: AbortSignal) => Promise<NodeId | null>
  /** Asks for a sign of life on the connection with a peer, and replaces it if none comes. */
  readonly probe: (peer: NodeId) => void
  readonly scheduler: Scheduler
  readonly logger: Logger
}

/** Addresses at which somebody was found. */
const introducedMax = 256

/** Between two tries to open a session with the same peer. */
const openAgainMs = 5_000

/**
 * A session keeps what it cannot deliver, and membership's words must not come late: a death told a
 * minute ago, on the other side of a partition, kills who lives. So who does not acknowledge for so
 * long is sent nothing more; nobody is declared dead in less.
 */
const unansweredMs = 1_000

/** Tries to open a session, all together: a dead half of the cluster is not dialed at once. */
const opens = { burst: 8, ratePerSecond: 2 }

/** Carries packets of membership on the sessions of this node, on a lane of their own. */
export class SessionDetour implements Detour {
  onPacket: Detour['onPacket'] = null
  readonly #parts: SessionDetourParts
  readonly #introduced = new BoundedMap<NodeId, PeerAddress>(introducedMax)
  readonly #opened = new Map<NodeId, number>()
  readonly #bucket: TokenBucket

  constructor(parts: SessionDetourParts) {
    this.#parts = parts
    this.#bucket = new TokenBucket({ ...opens, nowMs: parts.scheduler.nowMs() })
    parts.messaging.application(gossipApplication).onMessage((payload, { from }) => {
      if (!(payload instanceof Uint8Array)) return
      const remote = parts.sessions.get(from as NodeId)?.carriage?.connection.remote
      if (remote === undefined) return
      const { host, port } = remote
      this.onPacket?.(payload, { nodeId: from as NodeId, address: { host, port } })
    })
  }

  /** Where a node was found by TCP, for as long as no member record says more. */
  addressesOf(peer: NodeId): readonly PeerAddress[] {
    const address = this.#introduced.get(peer)
    return address === undefined ? [] : [address]
  }

  send(bytes: Uint8Array, to: NodeId): boolean {
    const { sessions, messaging, vouch } = this.#parts
    const session = sessions.get(to)
    // A session without a connection would keep the packet until it is old, and QUIC is UDP as well.
    if (session === null || session.carriage === null) return false
    if (session.carriage.connection.kind === 'quic') return false
    if (session.isUnanswered(unansweredMs)) return false
    const release = vouch(to)
    try {
      return messaging.application(gossipApplication).trySend(to, bytes) === 'accepted'
    } finally {
      release()
    }
  }

  open(to: NodeId): void {
    const { scheduler, sessions, probe, logger } = this.#parts
    const nowMs = scheduler.nowMs()
    if (nowMs - (this.#opened.get(to) ?? Number.NEGATIVE_INFINITY) < openAgainMs) return
    if (!this.#bucket.tryTake(nowMs)) return
    this.#opened.delete(to)
    this.#opened.set(to, nowMs)
    const [oldest] = this.#opened.keys()
    if (this.#opened.size > introducedMax && oldest !== undefined) this.#opened.delete(oldest)
    // Dead QUIC gives way to HTTP/2; that which lives says that UDP passes.
    if (sessions.get(to) !== null) return probe(to)
    sessions.ensure(to).catch((error: unknown) => {
      const error_code = isNodosumError(error) ? error.code : undefined
      const fields = { event: 'detour.failed', peer_id: to, error_code }
      logger.debug(fields, `no way around UDP to ${to}`)
    })
  }

  async introduce(address: HostPort, signal: AbortSignal): Promise<NodeId> {
    const nodeId = await this.#parts.identify(address, signal)
    if (nodeId === null) {
      throw new NodosumError(
        'ERR_NODOSUM_NOT_CONNECTED',
        'its certificate names a role and not a node (identity.match: cluster), so only gossip tells who it is',
      )
    }
    const { host, port } = address
    const known = { host, udpPort: 0, tcpPort: port }
    if (!this.#introduced.set(nodeId, known)) {
      const oldest = this.#introduced.oldestKey()
      if (oldest !== undefined) this.#introduced.delete(oldest)
      this.#introduced.set(nodeId, known)
    }
    await this.#parts.sessions.ensure(nodeId)
    const fields = { event: 'detour.introduced', peer_id: nodeId, remote: `${host}:${port}` }
    this.#parts.logger.info(fields, `${nodeId} answers by TCP, not by UDP`)
    return nodeId
  }
}
