import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { type BootId, bootIdToBytes, type ClusterName, NodosumError } from '@nodosum/kernel'
import {
  bootIdOffset,
  contentBytesMax,
  counterOffset,
  headerBytes,
  hexOf,
  keyIdOffset,
  nonceOf,
  packetKinds,
  readCounter,
  readRecipient,
  type SealPurpose,
  sealOverheadBytes,
  tagBytes,
  writeCounter,
  writeRecipient,
} from '../core/sealed-packet.ts'
import { type KnownSender, SenderMemory } from '../core/sender-memory.ts'
import { securityOptions } from '../options.ts'
import type { GossipKey } from './gossip-key.ts'
import type { GossipKeyRing } from './gossip-key-ring.ts'

export interface PacketSealOptions {
  readonly purpose: SealPurpose
  readonly ring: GossipKeyRing
  readonly cluster: ClusterName
  /** The seal opens what is for this name, its boot id, or everybody. Usually the node id. */
  readonly name: string
  /** Of this start of this node, and never used for another: nonces repeat otherwise. */
  readonly bootId: BootId
  /** Senders whose seen packets are remembered; default `gossipSendersMax` of the options. */
  readonly sendersMax?: number | undefined
}

/** What happened to packets so far. Everything after `opened` counts packets that were dropped. */
export interface PacketSealCounters {
  readonly sealed: number
  readonly opened: number
  /** Too short to be a sealed packet. */
  readonly tooShort: number
  /** The first byte is not that of this purpose in a version that is known. */
  readonly unknownVersion: number
  /** Sealed with a key that this node does not hold. */
  readonly unknownKey: number
  /** This node's own packet came back. */
  readonly reflected: number
  /** Sealed for another node than this one. */
  readonly misdirected: number
  /** The counter was seen before, or is more than 1,024 behind the newest. */
  readonly replayed: number
  /** Did not open: changed on its way, or made without the key, or for another cluster. */
  readonly forged: number
}

/** Why a packet was dropped: the name of the counter that counts it. */
export type PacketRefusal = Exclude<keyof PacketSealCounters, 'sealed' | 'opened'>

export interface PacketSeal {
  /**
   * Seals up to 65,458 bytes; the packet is 49 bytes longer.
   *
   * @param recipient the name or boot id of the only node that opens it; without it, any does, and
   *   one that did not get the packet opens a recording of it
   * @throws ERR_NODOSUM_MESSAGE_TOO_LARGE
   */
  seal(bytes: Uint8Array, recipient?: string): Uint8Array
  /** The content; undefined when the packet was dropped, and `lastRefusal` says why. */
  open(bytes: Uint8Array): Uint8Array | undefined
  /** Boot id of the sender of the last packet that opened: replies are sealed for it. */
  readonly lastSender: BootId | null
  /** Why `open` dropped the last packet that it dropped; null before there was one. */
  readonly lastRefusal: PacketRefusal | null
  readonly counters: PacketSealCounters
}

/**
 * Seals packets with AES-256-GCM. Every start of a node has its own key for each purpose, derived
 * from the gossip key in use and its boot id, and counts its packets: so no nonce repeats, no packet
 * opens twice, and no packet of another cluster or purpose opens at all.
 */
export function createPacketSeal(options: PacketSealOptions): PacketSeal {
  return new AesPacketSeal(options)
}

class AesPacketSeal implements PacketSeal {
  readonly counters: { -readonly [Name in keyof PacketSealCounters]: number } = {
    sealed: 0,
    opened: 0,
    tooShort: 0,
    unknownVersion: 0,
    unknownKey: 0,
    reflected: 0,
    misdirected: 0,
    replayed: 0,
    forged: 0,
  }
  lastSender: BootId | null = null
  lastRefusal: PacketRefusal | null = null
  readonly #ring: GossipKeyRing
  readonly #kind: number
  readonly #info: Buffer
  readonly #cluster: Buffer
  readonly #header = new Uint8Array(headerBytes)
  readonly #bootId: string
  readonly #recipients: ReadonlySet<number>
  readonly #senders: SenderMemory<KeyObject>
  #own: { readonly from: GossipKey; readonly key: KeyObject } | null = null
  #counter = 0

  constructor({ purpose, ring, cluster, name, bootId, sendersMax }: PacketSealOptions) {
    const limits = securityOptions.parse(
      sendersMax === undefined ? {} : { gossipSendersMax: sendersMax },
    )
    this.#ring = ring
    this.#kind = packetKinds[purpose]
    this.#info = Buffer.from(`nodosum ${purpose} ${this.#kind & 0x0f} ${cluster}`)
    this.#cluster = Buffer.from(cluster)
    this.#bootId = bootId
    this.#recipients = new Set([0, recipientOf(name), recipientOf(bootId)])
    this.#senders = new SenderMemory(limits.gossipSendersMax)
    this.#header[0] = this.#kind
    this.#header.set(bootIdToBytes(bootId), bootIdOffset)
  }

  seal(bytes: Uint8Array, recipient?: string): Uint8Array {
    if (bytes.length > contentBytesMax) {
      throw new NodosumError(
        'ERR_NODOSUM_MESSAGE_TOO_LARGE',
        `A sealed packet carries at most ${contentBytesMax} bytes, got ${bytes.length}.`,
      )
    }
    const key = this.#ownKey()
    const packet = new Uint8Array(bytes.length + sealOverheadBytes)
    packet.set(this.#header)
    // One count for all keys: a key that is used again later goes on where it was left.
    this.#counter += 1
    writeCounter(packet, this.#counter)
    writeRecipient(packet, recipient === undefined ? 0 : recipientOf(recipient))
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(packet))
    cipher.setAAD(this.#associated(packet))
    packet.set(cipher.update(bytes), headerBytes)
    cipher.final()
    packet.set(cipher.getAuthTag(), headerBytes + bytes.length)
    this.counters.sealed += 1
    return packet
  }

  open(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < sealOverheadBytes) return this.#drop('tooShort')
    if (bytes[0] !== this.#kind) return this.#drop('unknownVersion')
    const gossipKey = this.#ring.find(hexOf(bytes, keyIdOffset, bootIdOffset))
    if (gossipKey === undefined) return this.#drop('unknownKey')
    const bootId = hexOf(bytes, bootIdOffset, counterOffset) as BootId
    if (bootId === this.#bootId) return this.#drop('reflected')
    if (!this.#recipients.has(readRecipient(bytes))) return this.#drop('misdirected')
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
    this.lastSender = bootId
    return content
  }

  #ownKey(): KeyObject {
    const from = this.#ring.inUse
    if (this.#own?.from !== from) {
      this.#header.set(Buffer.from(from.id, 'hex'), keyIdOffset)
      this.#own = { from, key: this.#derive(from, this.#header) }
    }
    return this.#own.key
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

  #drop(reason: PacketRefusal): undefined {
    this.counters[reason] += 1
    this.lastRefusal = reason
    return undefined
  }
}

/** Never 0, which stands for everybody. */
function recipientOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32LE(0) || 1
}
