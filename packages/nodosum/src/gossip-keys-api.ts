import type { ErrorCode } from '@nodosum/kernel'

/** One gossip key of a node; the secret never shows. */
export interface GossipKeyInfo {
  /** First 4 bytes of the SHA-256 of the key, 8 hexadecimal characters. */
  readonly id: string
  /** Whether packets are sealed with it. */
  readonly inUse: boolean
}

/** How one step of a rotation went. It can be repeated, from any node, until nobody is missing. */
export interface GossipKeyStep {
  readonly keyId: string
  /** Members that have confirmed the step, this node included, sorted. */
  readonly acknowledged: readonly string[]
  /**
   * Members that have not, and why. `NOT_CONNECTED` also stands for one that is gone: it learns of
   * the step when it comes back.
   */
  readonly missing: readonly { readonly nodeId: string; readonly code: ErrorCode }[]
}

export interface GossipKeyOptions {
  /** How long to wait for each round of confirmations: 1 ms to a day. Default 5,000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The gossip keys of the whole cluster. To replace the key: `install` the new one, `use` it, `remove`
 * the old one; then put the new key into `gossipKeys` wherever nodes are configured.
 *
 * Each step is handed to every member over its mutually authenticated session, and kept in
 * `dataDirectory` by each of them. Packets go on to open all the time. A step that would cut a member
 * off, because it has not confirmed the step before, is refused and changes nothing.
 */
export interface GossipKeys {
  /** Those of this node, the one in use first. */
  list(): readonly GossipKeyInfo[]
  /**
   * Gives all members one more key, which opens but does not seal.
   *
   * @param key from `generateGossipKey()`
   * @throws `CONFIG_INVALID` for what is no key, `LIMIT_GOSSIP_KEYS` when there are 8, `STORE_FULL`,
   *   `STORE_FAILED`, `SHUT_DOWN`
   */
  install(key: string, options?: GossipKeyOptions): Promise<GossipKeyStep>
  /**
   * All members seal with this key from now on.
   *
   * @throws `GOSSIP_KEY_UNKNOWN`; `GOSSIP_KEY_NOT_EVERYWHERE` when a member that is there has not
   *   confirmed to have the key; `STORE_FULL`, `STORE_FAILED`, `CANCELLED`, `SHUT_DOWN`
   */
  use(keyId: string, options?: GossipKeyOptions): Promise<GossipKeyStep>
  /**
   * Nothing sealed with this key opens any more, at any member. One that comes back with it alone
   * gets the others by its certificate.
   *
   * @throws `GOSSIP_KEY_IN_USE`; `GOSSIP_KEY_NOT_EVERYWHERE` when a member that is there has not
   *   confirmed which key to seal with; `CONFIG_INVALID`, `STORE_FULL`, `STORE_FAILED`, `CANCELLED`,
   *   `SHUT_DOWN`
   */
  remove(keyId: string, options?: GossipKeyOptions): Promise<GossipKeyStep>
}
