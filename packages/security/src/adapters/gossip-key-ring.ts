import { NodosumError } from '@nodosum/kernel'
import type { GossipKey } from './gossip-key.ts'

/** Most keys at once; two are enough while a key is being replaced. */
export const gossipKeysMax = 8

/**
 * The gossip keys of a node: one seals what it sends, each of them opens what it receives. All seals
 * of a node share its ring, so a change holds for the next packet of every kind.
 */
export class GossipKeyRing {
  /** Called after each change. */
  onChange: (() => void) | null = null
  readonly #keys = new Map<string, GossipKey>()
  #inUse: GossipKey

  /**
   * @param keys the first one seals, all open; 1 to 8
   * @throws ERR_NODOSUM_CONFIG_INVALID without keys, with more than 8, or with the same key twice
   */
  constructor(keys: readonly GossipKey[]) {
    const [first] = keys
    for (const key of keys) this.#keys.set(key.id, key)
    if (first === undefined || keys.length > gossipKeysMax || this.#keys.size < keys.length) {
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
    this.#inUse = first
  }

  /** The key that seals. */
  get inUse(): GossipKey {
    return this.#inUse
  }

  /** Every key, the one in use first. */
  get keys(): readonly GossipKey[] {
    const others = [...this.#keys.values()].filter((key) => key !== this.#inUse)
    return [this.#inUse, ...others]
  }

  find(keyId: string): GossipKey | undefined {
    return this.#keys.get(keyId)
  }

  /**
   * Adds a key that opens but does not seal. Returns false when the ring holds it already.
   *
   * @throws ERR_NODOSUM_LIMIT_GOSSIP_KEYS when the ring is full; ERR_NODOSUM_CONFIG_INVALID when
   *   another key has the same id, which happens to one pair of keys in four thousand million
   */
  install(key: GossipKey): boolean {
    const known = this.#keys.get(key.id)
    if (known !== undefined) {
      if (known.secret.equals(key.secret)) return false
      throw new NodosumError(
        'ERR_NODOSUM_CONFIG_INVALID',
        `Another gossip key has the id ${key.id} as well; make a new one with generateGossipKey().`,
      )
    }
    if (this.#keys.size >= gossipKeysMax) {
      throw new NodosumError(
        'ERR_NODOSUM_LIMIT_GOSSIP_KEYS',
        `The ring holds ${gossipKeysMax} gossip keys (${[...this.#keys.keys()].join(', ')}) and ` +
          'may hold no more; remove one that no node seals with any more.',
      )
    }
    this.#keys.set(key.id, key)
    this.onChange?.()
    return true
  }

  /**
   * Seals with this key from now on. Returns false when it did already.
   *
   * @throws ERR_NODOSUM_GOSSIP_KEY_UNKNOWN
   */
  use(keyId: string): boolean {
    const key = this.#keys.get(keyId)
    if (key === undefined) {
      throw new NodosumError(
        'ERR_NODOSUM_GOSSIP_KEY_UNKNOWN',
        `There is no gossip key ${keyId}; installed are ${[...this.#keys.keys()].join(', ')}.`,
      )
    }
    if (key === this.#inUse) return false
    this.#inUse = key
    this.onChange?.()
    return true
  }

  /**
   * Forgets a key: what is sealed with it does not open any more. Returns false when there is no
   * such key, so that a removal can be repeated.
   *
   * @throws ERR_NODOSUM_GOSSIP_KEY_IN_USE
   */
  remove(keyId: string): boolean {
    if (this.#inUse.id === keyId) {
      throw new NodosumError(
        'ERR_NODOSUM_GOSSIP_KEY_IN_USE',
        `The gossip key ${keyId} is the one that seals; use another one first.`,
      )
    }
    if (!this.#keys.delete(keyId)) return false
    this.onChange?.()
    return true
  }
}
