import type { KeyObject } from 'node:crypto'
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto'
import { type BootId, bootIdToBytes, type ClusterName, NodosumError } from '@nodosum/kernel'
import {
  bootIdOffset,
  contentBytesMax,
  counterOffset,
  gossipVersion,
  headerBytes,
  hexOf,
  keyIdOffset,
  nonceOf,
  readCounter,
  sealOverheadBytes,
  tagBytes,
  writeCounter,
} from '../core/gossip-packet.ts'
import { type KnownSender, SenderMemory } from '../core/sender-memory.ts'
import { securityOptions } from '../options.ts'
import type { GossipKey } from './gossip-key.ts'

/** Most keys at once; two are enough while a key is being replaced. */
export const gossipKeysMax = 8

export interface GossipSealOptions {
  /** The first one seals, all open. 1 to 8. */
  readonly keys: readonly GossipKey[]
  readonly cluster: ClusterName
  /** Of this start of this node, and never used for another: nonces repeat otherwise. */
  readonly bootId: BootId
  /** Senders whose seen packets are remembered; default `gossipSendersMax` of the options. */
  readonly sendersMax?: number | undefined
}

/** What happened to packets so far. Everything after `opened` counts packets that were dropped. */
export interface GossipSealCounters {
  readonly sealed: number
  readonly opened: number
  /** Too short to be a sealed packet. */
  readonly tooShort: number
  /** The first byte is no known version. */
  readonly unknownVersion: number
  /** Sealed with a key that this node does not hold. */
  readonly unknownKey: number
  /** This node's own packet came back. */
  readonly reflected: number
  /** The counter was seen before, or is more than 1,024 behind the newest. */
  readonly replayed: number
  /** Did not open: changed on its way, or made without the key, or for another cluster. */
  readonly forged: number
}

/** Why a packet was dropped: the name of the counter that counts it. */
export type GossipRefusal = Exclude<keyof GossipSealCounters, 'sealed' | 'opened'>

export interface GossipSeal {
  /**
   * Seals up to 65,462 bytes; the packet is 45 bytes longer.
   *
   * @throws ERR_NODOSUM_MESSAGE_TOO_LARGE
   */
  seal(bytes: Uint8Array): Uint8Array
  /** The content; undefined when the packet was dropped, and `lastRefusal` says why. */
  open(bytes: Uint8Array): Uint8Array | undefined
  /** Why `open` dropped the last packet that it dropped; null before there was one. */
  readonly lastRefusal: GossipRefusal | null
  readonly counters: GossipSealCounters
}

/**
 * Seals gossip packets with AES-256-GCM. Every start of a node has its own key, derived from the
 * gossip key and its boot id, and counts its packets: so no nonce repeats, no packet opens twice,
 * and no packet of another cluster opens at all.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID without keys, with more than 8, or with the same key twice
 */
export function createGossipSeal(options: GossipSealOptions): GossipSeal {
  return new AesGossipSeal(options)
}

class AesGossipSeal implements GossipSeal {
  readonly counters: { -readonly [Name in keyof GossipSealCounters]: number } = {
    sealed: 0,
    opened: 0,
    tooShort: 0,
    unknownVersion: 0,
    unknownKey: 0,
    reflected: 0,
    replayed: 0,
    forged: 0,
  }
  readonly #keys: ReadonlyMap<string, GossipKey>
  readonly #info: Buffer
  readonly #cluster: Buffer
  readonly #ownHeader: Uint8Array
  readonly #ownBootId: string
  readonly #ownKey: KeyObject
  readonly #senders: SenderMemory<KeyObject>
  #counter = 0
  #lastRefusal: GossipRefusal | null = null

  constructor({ keys, cluster, bootId, sendersMax }: GossipSealOptions) {
    const [first] = keys
    this.#keys = new Map(keys.map((key) => [key.id, key]))
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
    const limits = securityOptions.parse(
      sendersMax === undefined ? {} : { gossipSendersMax: sendersMax },
    )
    this.#senders = new SenderMemory(limits.gossipSendersMax)
    this.#cluster = Buffer.from(cluster)
    this.#info = Buffer.from(`nodosum gossip ${gossipVersion} ${cluster}`)
    this.#ownHeader = new Uint8Array(headerBytes)
    this.#ownHeader[0] = gossipVersion
    this.#ownHeader.set(Buffer.from(first.id, 'hex'), keyIdOffset)
    this.#ownHeader.set(bootIdToBytes(bootId), bootIdOffset)
    this.#ownBootId = bootId
    this.#ownKey = this.#derive(first, this.#ownHeader)
  }

  get lastRefusal(): GossipRefusal | null {
    return this.#lastRefusal
  }

  seal(bytes: Uint8Array): Uint8Array {
    if (bytes.length > contentBytesMax) {
      throw new NodosumError(
        'ERR_NODOSUM_MESSAGE_TOO_LARGE',
        `A gossip packet carries at most ${contentBytesMax} bytes, got ${bytes.length}.`,
      )
    }
    const packet = new Uint8Array(bytes.length + sealOverheadBytes)
    packet.set(this.#ownHeader)
    this.#counter += 1
    writeCounter(packet, this.#counter)
    const cipher = createCipheriv('aes-256-gcm', this.#ownKey, nonceOf(packet))
    cipher.setAAD(this.#associated(packet))
    packet.set(cipher.update(bytes), headerBytes)
    cipher.final()
    packet.set(cipher.getAuthTag(), headerBytes + bytes.length)
    this.counters.sealed += 1
    return packet
  }

  open(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < sealOverheadBytes) return this.#drop('tooShort')
    if (bytes[0] !== gossipVersion) return this.#drop('unknownVersion')
    const gossipKey = this.#keys.get(hexOf(bytes, keyIdOffset, bootIdOffset))
    if (gossipKey === undefined) return this.#drop('unknownKey')
    const bootId = hexOf(bytes, bootIdOffset, counterOffset)
    if (bootId === this.#ownBootId) return this.#drop('reflected')
    const counter = readCounter(bytes)
    if (counter === undefined) return this.#drop('forged')
    const sender = gossipKey.id + bootId
    const known = this.#senders.find(sender) ?? this.#stranger(sender, gossipKey, bytes)
    if (known.window.seen(counter)) return this.#drop('replayed')
    const content = this.#decrypt(known.key, bytes)
    if (content === undefined) return this.#drop('forged')
    // Nothing is remembered before this line, so a forger can neither fill nor empty the memory.
    known.window.mark(counter)
    this.#senders.heard(sender, known)
    this.counters.opened += 1
    return content
  }

  #stranger(sender: string, key: GossipKey, packet: Uint8Array): KnownSender<KeyObject> {
    return { key: this.#derive(key, packet), window: this.#senders.newWindow(sender) }
  }

  #decrypt(key: KeyObject, packet: Uint8Array): Uint8Array | undefined {
    const end = packet.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(packet), {
      authTagLength: tagBytes,
    })
    decipher.setAAD(this.#associated(packet))
    decipher.setAuthTag(packet.subarray(end))
    const content = decipher.update(packet.subarray(headerBytes, end))
    try {
      decipher.final()
      return content
    } catch {
      return undefined
    }
  }

  #derive(key: GossipKey, header: Uint8Array): KeyObject {
    const salt = header.subarray(bootIdOffset, counterOffset)
    const derived = Buffer.from(hkdfSync('sha256', key.secret, salt, this.#info, 32))
    const result = createSecretKey(derived)
    derived.fill(0)
    return result
  }

  #associated(packet: Uint8Array): Uint8Array {
    const associated = new Uint8Array(headerBytes + this.#cluster.length)
    associated.set(packet.subarray(0, headerBytes))
    associated.set(this.#cluster, headerBytes)
    return associated
  }

  #drop(reason: GossipRefusal): undefined {
    this.counters[reason] += 1
    this.#lastRefusal = reason
    return undefined
  }
}
