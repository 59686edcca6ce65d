import {
  type ErrorCode,
  isNodosumError,
  type Logger,
  type NodeId,
  NodosumError,
} from '@nodosum/kernel'
import {
  type CallOptions,
  callDuration,
  callSignal,
  checkCallOptions,
} from '@nodosum/kernel/options'
import { type KeptKeyRing, parseGossipKey } from '@nodosum/security'
import type { Member } from './api.ts'
import type {
  GossipKeyInfo,
  GossipKeyOptions,
  GossipKeyStep,
  GossipKeys,
} from './gossip-keys-api.ts'
import type { KeyExchange } from './key-exchange.ts'

/** What a rotation is made of. */
export interface KeyRotationParts {
  readonly self: NodeId
  readonly kept: KeptKeyRing
  readonly exchange: Pick<KeyExchange, 'tell'>
  readonly members: () => readonly Member[]
  readonly logger: Logger
}

const known: CallOptions = new Map([
  ['timeoutMs', callDuration(1)],
  ['signal', callSignal],
])

const timeoutMsDefault = 5_000

type Missing = GossipKeyStep['missing'][number]

/**
 * Rotates the gossip keys of the cluster in steps that cut nobody off. Before a step is taken, every
 * member that is there has to confirm the step before; afterwards all are told.
 */
export class KeyRotation implements GossipKeys {
  readonly #parts: KeyRotationParts
  #closed = false

  constructor(parts: KeyRotationParts) {
    this.#parts = parts
  }

  close(): void {
    this.#closed = true
  }

  list(): readonly GossipKeyInfo[] {
    return this.#parts.kept.ring.list()
  }

  async install(key: string, options?: GossipKeyOptions): Promise<GossipKeyStep> {
    this.#check('gossipKeys.install(key, options)', options)
    const parsed = parseGossipKey(String(key), 'gossipKeys.install(key)')
    await this.#parts.kept.change((ring) => ring.installing(parsed))
    return await this.#tellAll('installed', parsed.id, options)
  }

  async use(keyId: string, options?: GossipKeyOptions): Promise<GossipKeyStep> {
    this.#check('gossipKeys.use(keyId, options)', options)
    const { kept } = this.#parts
    // A key that only the options of this node name is installed first.
    await kept.change((ring) => {
      ring.using(keyId)
      const key = ring.find(keyId)
      return key === undefined ? ring.using(keyId) : ring.installing(key)
    })
    await this.#confirm(keyId, options)
    await kept.change((ring) => ring.using(keyId))
    return await this.#tellAll('used', keyId, options)
  }

  async remove(keyId: string, options?: GossipKeyOptions): Promise<GossipKeyStep> {
    this.#check('gossipKeys.remove(keyId, options)', options)
    const { kept } = this.#parts
    await kept.change((ring) => {
      ring.removing(keyId)
      return ring.using(ring.inUse.id)
    })
    await this.#confirm(keyId, options)
    await kept.change((ring) => ring.removing(keyId))
    return await this.#tellAll('removed', keyId, options)
  }

  #check(call: string, options: GossipKeyOptions | undefined): void {
    checkCallOptions(call, options, known)
    if (this.#closed) throw new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'this node is closed')
    if (options?.signal?.aborted) {
      throw new NodosumError('ERR_NODOSUM_CANCELLED', `${call} was aborted`)
    }
  }

  /** Everybody who is there knows what holds so far. */
  async #confirm(keyId: string, options: GossipKeyOptions | undefined): Promise<void> {
    const missing = await this.#tell(this.#present(), options)
    if (missing.length === 0) return
    const names = missing.map(({ nodeId, code }) => `${nodeId} (${code})`).join(', ')
    throw new NodosumError(
      'ERR_NODOSUM_GOSSIP_KEY_NOT_EVERYWHERE',
      `gossip key ${keyId}: ${names} did not confirm the step before and would be cut off; ` +
        'nothing was changed, try again once they answer or are gone',
      { details: { keyId, missing: missing.map(({ nodeId }) => nodeId) } },
    )
  }

  async #tellAll(
    what: string,
    keyId: string,
    options: GossipKeyOptions | undefined,
  ): Promise<GossipKeyStep> {
    const { self, members, logger } = this.#parts
    const present = this.#present()
    const gone = members().filter(({ state }) => state === 'failed')
    const missing = [
      ...(await this.#tell(present, options)),
      ...gone.map(({ nodeId }): Missing => ({ nodeId, code: 'ERR_NODOSUM_NOT_CONNECTED' })),
    ]
    const without = new Set(missing.map(({ nodeId }) => nodeId))
    const acknowledged = [self, ...present].filter((nodeId) => !without.has(nodeId)).sort()
    const fields = { event: `gossip_key.${what}`, key_id: keyId, missing: [...without].join(' ') }
    const message = `gossip key ${keyId} ${what}: ${acknowledged.length} members have confirmed`
    logger[missing.length === 0 ? 'info' : 'warn'](fields, message)
    return { keyId, acknowledged, missing }
  }

  #present(): NodeId[] {
    const others = this.#parts.members().filter(({ nodeId }) => nodeId !== this.#parts.self)
    return others
      .filter(({ state }) => state !== 'failed' && state !== 'left')
      .map(({ nodeId }) => nodeId as NodeId)
  }

  async #tell(
    peers: readonly NodeId[],
    options: GossipKeyOptions | undefined,
  ): Promise<readonly Missing[]> {
    const { exchange } = this.#parts
    const settings = { timeoutMs: options?.timeoutMs ?? timeoutMsDefault, signal: options?.signal }
    const results = await Promise.allSettled(peers.map((peer) => exchange.tell(peer, settings)))
    return results.flatMap((result, at): Missing[] => {
      if (result.status === 'fulfilled') return []
      const nodeId = peers[at] as NodeId
      return [{ nodeId, code: codeOf(result.reason) }]
    })
  }
}

function codeOf(error: unknown): ErrorCode {
  return isNodosumError(error) ? error.code : 'ERR_NODOSUM_REMOTE_ERROR'
}
