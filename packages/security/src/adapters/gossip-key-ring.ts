import { createHash } from 'node:crypto'
import { NodosumError } from '@nodosum/kernel'
import { decodeSharedKeys, encodeSharedKeys, sharedKeysMax } from '../core/key-ring-codec.ts'
import {
  configuredState,
  gossipKeysMax,
  type KeyRingState,
  keysOf,
  merged,
  withInUse,
  withKey,
  withoutKey,
} from '../core/key-ring-state.ts'
import { type GossipKey, gossipKeyOf } from './gossip-key.ts'

/** One key of a ring as it is shown: never the secret. */
export interface GossipKeyInfo {
  /** First 4 bytes of the SHA-256 of the key, 8 hexadecimal characters. */
  readonly id: string
  /** Whether it is the one that seals. */
  readonly inUse: boolean
}

/** What a ring would be after a change; `replace` puts it into force. */
export type KeyRingChange = KeyRingState<GossipKey>

/**
 * The gossip keys of a node: one seals what it sends, each of them opens what it receives. All seals
 * of a node share its ring, so a change holds for the next packet of every kind.
 *
 * Rings of several nodes merge: whatever they were told, in whatever order they exchange it, they
 * end up with the same keys and the same one in use. Keys that only the options of a node name are
 * not handed on.
 */
export class GossipKeyRing {
  #state: KeyRingState<GossipKey>
  #keys = new Map<string, GossipKey>()
  #inUse: GossipKey

  /**
   * @param keys the first one seals, all open; 1 to 8
   * @throws ERR_NODOSUM_CONFIG_INVALID without keys, with more than 8, or with the same key twice
   */
  constructor(keys: readonly GossipKey[]) {
    const [first] = keys
    const state = configuredState(keys.map((key) => ({ id: key.id, key })))
    const different = new Set(keys.map(({ id }) => id)).size
    if (
      first === undefined ||
      state === null ||
      keys.length > gossipKeysMax ||
      different < keys.length
    ) {
      const problem =
        first === undefined
          ? 'is empty'
          : keys.length > gossipKeysMax
            ? `has ${keys.length} keys`
            : 'has the same key twice'
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `gossipKeys ${problem}; give 1 to ${gossipKeysMax} different keys, the first one seals.`,
      )
    }
    this.#state = state
    this.#inUse = first
    this.replace(state)
  }

  /** The key that seals. */
  get inUse(): GossipKey {
    return this.#inUse
  }

  /** Every key, the one in use first, the others by id. */
  list(): readonly GossipKeyInfo[] {
    const others = [...this.#keys.keys()].filter((id) => id !== this.#inUse.id)
    return [
      { id: this.#inUse.id, inUse: true },
      ...others.map((id) => ({ id, inUse: false as const })),
    ]
  }

  find(keyId: string): GossipKey | undefined {
    return this.#keys.get(keyId)
  }

  /** Whether a change would change anything. */
  differs(change: KeyRingChange): boolean {
    return change !== this.#state
  }

  /** Puts a change into force that was made of this ring as it is now. */
  replace(change: KeyRingChange): void {
    this.#state = change
    this.#keys = new Map(keysOf(change).map(({ id, key }) => [id, key as GossipKey]))
    this.#inUse = this.#keys.get(change.inUse.id) ?? this.#inUse
  }

  /**
   * With one more key, which opens but does not seal.
   *
   * @throws ERR_NODOSUM_LIMIT_GOSSIP_KEYS when the ring is full; ERR_NODOSUM_CONFIG_INVALID when
   *   another key has the same id, which happens to one pair of keys in four thousand million
   */
  installing(key: GossipKey): KeyRingChange {
    const known = this.#keys.get(key.id)
    if (known !== undefined && !known.secret.equals(key.secret)) {
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `Another gossip key has the id ${key.id} as well; make a new one with generateGossipKey().`,
      )
    }
    if (known === undefined && this.#keys.size >= gossipKeysMax) throw full([...this.#keys.keys()])
    return withKey(this.#state, key.id, known ?? key)
  }

  /**
   * With this key as the one that seals.
   *
   * @throws ERR_NODOSUM_GOSSIP_KEY_UNKNOWN
   */
  using(keyId: string): KeyRingChange {
    if (!this.#keys.has(keyId)) {
      throw new NodosumError(
        'ERR_NODOSUM_GOSSIP_KEY_UNKNOWN',
        `There is no gossip key ${keyId}; installed are ${[...this.#keys.keys()].join(', ')}.`,
      )
    }
    return withInUse(this.#state, keyId)
  }

  /**
   * Without a key: what is sealed with it does not open any more. One that is not there is marked
   * as removed all the same, for others that have it.
   *
   * @throws ERR_NODOSUM_GOSSIP_KEY_IN_USE; ERR_NODOSUM_CONFIG_INVALID for what is no id of a key
   */
  removing(keyId: string): KeyRingChange {
    if (!/^[0-9a-f]{8}$/.test(keyId)) {
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        'The id of a gossip key is 8 hexadecimal characters in lower case, as a list shows them.',
      )
    }
    if (this.#inUse.id === keyId) {
      throw new NodosumError(
        'ERR_NODOSUM_GOSSIP_KEY_IN_USE',
        `The gossip key ${keyId} is the one that seals; use another one first.`,
      )
    }
    return withoutKey(this.#state, keyId)
  }

  /**
   * With what another ring has shared.
   *
   * @throws ERR_NODOSUM_DECODE_FAILED for bytes that are no such thing;
   *   ERR_NODOSUM_LIMIT_GOSSIP_KEYS when both together have more than 16 keys
   */
  merging(shared: Uint8Array): KeyRingChange {
    const theirs = decodeSharedKeys(shared)
    if (theirs === null) throw undecodable()
    const entries = theirs.entries.map(({ id, version, key }) => {
      const known = key === null ? null : gossipKeyOf(key)
      if (known !== null && known.id !== id) throw undecodable()
      return { id, version, key: known }
    })
    const inUse = theirs.inUse ?? { id: '', version: 0 }
    const state = merged(this.#state, { entries, inUse })
    const ids = keysOf(state).map(({ id }) => id)
    if (ids.length > sharedKeysMax) throw full(ids)
    if (keysOf(state).some(({ id }) => id === state.inUse.id)) {
      return isSame(state, this.#state) ? this.#state : state
    }
    throw undecodable()
  }

  /**
   * What of a ring other nodes get to know; without a change to share, of this ring as it is.
   * Secret: it holds the keys.
   */
  shared(change: KeyRingChange = this.#state): Uint8Array {
    const entries = change.entries
      .filter(({ version }) => version > 0)
      .map(({ id, version, key }) => ({ id, version, key: key?.secret.export() ?? null }))
    return encodeSharedKeys({ entries, inUse: change.inUse.version > 0 ? change.inUse : null })
  }

  /** Rings with the same digest share the same. Not secret. */
  digest(): Uint8Array {
    return createHash('sha256').update(this.shared()).digest().subarray(0, 16)
  }
}

function isSame(one: KeyRingChange, other: KeyRingChange): boolean {
  return (
    one.inUse.id === other.inUse.id &&
    one.inUse.version === other.inUse.version &&
    one.entries.length === other.entries.length &&
    one.entries.every((entry, at) => {
      const { id, version, key } = other.entries[at] as (typeof other.entries)[number]
      return entry.id === id && entry.version === version && (entry.key === null) === (key === null)
    })
  )
}

function full(ids: readonly string[]): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_GOSSIP_KEYS',
    `There would be more gossip keys than may be, with ${ids.join(', ')}; ` +
      'remove one that no node seals with any more.',
    { details: { keyIds: ids } },
  )
}

function undecodable(): NodosumError {
  return new NodosumError('ERR_NODOSUM_DECODE_FAILED', 'what arrived are no gossip keys')
}
