import {
  type ErrorCode,
  errorCatalog,
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
  type Scheduler,
  type TimerHandle,
} from '@nodosum/kernel'
import type { MessagingService } from '@nodosum/messaging'
import type { KeptKeyRing } from '@nodosum/security'
import { keysApplication } from './internal-applications.ts'

/** What an exchange is made of. */
export interface KeyExchangeParts {
  readonly kept: KeptKeyRing
  readonly messaging: MessagingService
  /** Lets this peer be asked, whatever membership thinks of it, until the release is called. */
  readonly vouch: (peer: NodeId) => () => void
  readonly scheduler: Scheduler
  readonly logger: Logger
}

/** First byte of a request. */
const verb = {
  /** Then a digest: is that what you have? The answer is empty, or all that the other shares. */
  compare: 0,
  /** Then keys: take them, and confirm with all that you share. */
  tell: 1,
  /** The same from one who only passes on what holds already. */
  remind: 2,
} as const

/** How long a comparison may take. */
const compareTimeoutMs = 5_000

/** Whoever did not confirm is told again after so long. */
const tellAgainMs = 3_000

/** Between two comparisons with the same peer, however many packets of it do not open. */
const compareAgainMs = 2_000

/** Peers whose last comparison is remembered. */
const comparedMax = 1_024

/** Hands gossip keys on between two nodes at a time, over their session. */
export class KeyExchange {
  readonly #parts: KeyExchangeParts
  readonly #compared = new Map<NodeId, number>()
  readonly #untold = new Set<NodeId>()
  #timer: TimerHandle | null = null
  #closed = false

  constructor(parts: KeyExchangeParts) {
    this.#parts = parts
    parts.messaging
      .application(keysApplication)
      .onRequest((payload, { from }) => this.#answer(payload, from))
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /**
   * Gives a peer all that this node shares and takes what it has.
   *
   * @throws the coded error of the request, or of the peer that could not keep it
   */
  async tell(
    peer: NodeId,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    try {
      await this.#send(peer, verb.tell, options)
      this.#untold.delete(peer)
    } catch (error) {
      this.#tellAgain(peer)
      throw errorOfPeer(error)
    }
  }

  /** The two may have changed their keys while they were apart; asks once in a while at most. */
  compare(peer: NodeId): void {
    const { scheduler, logger } = this.#parts
    const nowMs = scheduler.nowMs()
    if (this.#closed || nowMs - (this.#compared.get(peer) ?? -Infinity) < compareAgainMs) return
    this.#compared.delete(peer)
    this.#compared.set(peer, nowMs)
    const [oldest] = this.#compared.keys()
    if (this.#compared.size > comparedMax && oldest !== undefined) this.#compared.delete(oldest)
    this.#compareNow(peer).catch((error: unknown) => {
      const fields = { event: 'gossip_keys.not_compared', peer_id: peer, err: error }
      logger.debug(fields, `the gossip keys were not compared with ${peer}`)
    })
  }

  async #compareNow(peer: NodeId): Promise<void> {
    const { ring } = this.#parts.kept
    const reply = await this.#request(peer, verb.compare, ring.digest(), {
      timeoutMs: compareTimeoutMs,
    })
    if (reply.length === 0) return
    await this.#follow(peer, reply)
    // What it lacks goes back; when it lacks nothing, this confirms it.
    await this.#send(peer, verb.remind, { timeoutMs: compareTimeoutMs })
  }

  async #send(
    peer: NodeId,
    kind: number,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const reply = await this.#request(peer, kind, this.#parts.kept.ring.shared(), options)
    await this.#follow(peer, reply)
  }

  async #follow(peer: NodeId, shared: Uint8Array): Promise<void> {
    const { kept, logger } = this.#parts
    const before = JSON.stringify(kept.ring.list())
    const problem = await kept.follow((ring) => ring.merging(shared))
    if (problem !== null) {
      const error_code = isNodosumError(problem) ? problem.code : undefined
      const message = 'this node follows the gossip keys of the cluster, but could not keep them'
      logger.error({ event: 'gossip_keys.not_kept', error_code, err: problem }, message)
    }
    const after = kept.ring.list()
    if (JSON.stringify(after) === before) return
    const fields = { event: 'gossip_keys.followed', peer_id: peer, key_ids: idsOf(after) }
    logger.info(fields, `gossip keys of the cluster, from ${peer}`)
  }

  async #request(
    peer: NodeId,
    kind: number,
    body: Uint8Array,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<Uint8Array> {
    const { messaging, vouch } = this.#parts
    const release = vouch(peer)
    try {
      const reply = await messaging
        .application(keysApplication)
        // Whatever arrives twice changes nothing the second time.
        .request(peer, Uint8Array.of(kind, ...body), { ...options, idempotent: true })
      if (reply instanceof Uint8Array) return reply
      throw undecodable()
    } finally {
      release()
    }
  }

  async #answer(payload: unknown, from: string): Promise<Uint8Array> {
    if (!(payload instanceof Uint8Array)) throw undecodable()
    const { kept, logger } = this.#parts
    const { ring } = kept
    const body = payload.subarray(1)
    switch (payload[0]) {
      case verb.compare:
        return Buffer.compare(body, ring.digest()) === 0 ? new Uint8Array(0) : ring.shared()
      case verb.tell: {
        const isNew = await kept.change((present) => present.merging(body))
        const fields = { event: 'gossip_keys.changed', peer_id: from, key_ids: idsOf(ring.list()) }
        if (isNew) logger.info(fields, `${from} has changed the gossip keys of the cluster`)
        return ring.shared()
      }
      case verb.remind:
        await this.#follow(from as NodeId, body)
        return ring.shared()
      default:
        throw undecodable()
    }
  }

  /** Until it confirms or is gone; a peer that comes back is compared with anyway. */
  #tellAgain(peer: NodeId): void {
    if (this.#closed) return
    this.#untold.add(peer)
    this.#timer ??= this.#parts.scheduler.after(tellAgainMs, () => {
      this.#timer = null
      const peers = [...this.#untold]
      this.#untold.clear()
      for (const each of peers) {
        this.#send(each, verb.tell, { timeoutMs: compareTimeoutMs }).catch((error: unknown) => {
          if (!isNodosumError(error, 'ERR_NODOSUM_PEER_UNKNOWN')) this.#tellAgain(each)
        })
      }
    })
  }
}

function idsOf(keys: readonly { readonly id: string }[]): string {
  return keys.map(({ id }) => id).join(' ')
}

function undecodable(): NodosumError {
  return new NodosumError('ERR_NODOSUM_DECODE_FAILED', 'what arrived is not about gossip keys')
}

/** A peer that could not keep a change says so with a code of its own. */
function errorOfPeer(error: unknown): unknown {
  if (!isNodosumError(error, 'ERR_NODOSUM_REMOTE_ERROR')) return error
  const code = String(error.details.remoteCode)
  if (!Object.hasOwn(errorCatalog, code)) return error
  return new NodosumError(code as ErrorCode, error.message, { cause: error })
}
