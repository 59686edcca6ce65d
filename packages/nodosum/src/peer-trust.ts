import {
  type ErrorCode,
  isNodosumError,
  type Logger,
  type NodeId,
  type NodosumError,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'

/** A member that was refused is dialed again this often, in case its certificate was replaced. */
const dialAgainMs = 15_000

const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_NODOSUM_CERT_UNTRUSTED',
  'ERR_NODOSUM_CERT_EXPIRED',
  'ERR_NODOSUM_IDENTITY_MISMATCH',
  'ERR_NODOSUM_CLUSTER_MISMATCH',
  'ERR_NODOSUM_JOIN_REFUSED',
])

/** The refusal of a certificate that a dial failed with, now or at its last try; else null. */
export function refusalOf(error: unknown): NodosumError | null {
  if (!isNodosumError(error)) return null
  if (refusals.has(error.code)) return error
  const isPaused = error.code === 'ERR_NODOSUM_NOT_CONNECTED'
  return isPaused && isNodosumError(error.cause) && refusals.has(error.cause.code)
    ? error.cause
    : null
}

/** A member with which no connection comes up because of a certificate. */
export interface Distrust {
  readonly peer: NodeId
  /** Who refuses: this node the member's certificate, or the member this node's. */
  readonly by: 'self' | 'peer'
  readonly code: ErrorCode
}

/**
 * Members that hold the gossip key and are seen alive, and yet cannot be talked to: one of the two
 * certificates is refused. At most one entry for each member.
 */
export class PeerTrust {
  readonly #distrusted = new Map<NodeId, Distrust>()
  readonly #scheduler: Scheduler
  readonly #logger: Logger
  readonly #dial: (peer: NodeId) => void
  readonly #changed: () => void
  #timer: TimerHandle | null = null
  #closed = false

  constructor(options: {
    scheduler: Scheduler
    logger: Logger
    dial: (peer: NodeId) => void
    changed: () => void
  }) {
    this.#scheduler = options.scheduler
    this.#logger = options.logger
    this.#dial = options.dial
    this.#changed = options.changed
  }

  get distrusted(): readonly Distrust[] {
    return [...this.#distrusted.values()]
  }

  /** Whether this node refused the member's certificate at the last try. */
  refuses(peer: NodeId): boolean {
    return this.#distrusted.get(peer)?.by === 'self'
  }

  /** A dial failed; only a refused certificate counts. */
  failed(peer: NodeId, error: unknown): void {
    const refusal = refusalOf(error)
    if (refusal === null || this.#closed) return
    const by = refusal.details.remote === true ? 'peer' : 'self'
    const { code, message } = refusal
    const known = this.#distrusted.get(peer)
    this.#timer ??= this.#scheduler.after(dialAgainMs, this.#dialAgain)
    if (known?.by === by && known.code === code) return
    this.#distrusted.set(peer, { peer, by, code })
    const fields = { event: 'peer.untrusted', peer_id: peer, error_code: code, refused_by: by }
    this.#logger.warn(fields, `no connection with ${peer}: ${message}`)
    this.#changed()
  }

  /** There is a session with this member, or it is another process, or gone. */
  forget(peer: NodeId): void {
    if (this.#distrusted.delete(peer)) this.#changed()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#distrusted.clear()
  }

  readonly #dialAgain = (): void => {
    this.#timer = null
    if (this.#distrusted.size === 0) return
    this.#timer = this.#scheduler.after(dialAgainMs, this.#dialAgain)
    for (const peer of [...this.#distrusted.keys()]) this.#dial(peer)
  }
}
