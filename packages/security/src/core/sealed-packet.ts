/**
 * A sealed packet: kind (1 byte), key id (4), boot id of the sender (16), counter (8, little-
 * endian), recipient (4), then what AES-256-GCM made of the content, then its tag (16).
 *
 * The first byte tells what shares a UDP port apart: a QUIC packet has bit 0x40 set, sealed packets
 * have not. Its high four bits say what was sealed, the low four the version of the layout.
 */
export const packetKinds = {
  /** 0x01: a packet of the membership protocol. */
  gossip: 0x01,
  /** 0x11: a datagram with which a connection is set up, before it can protect its own. */
  handshake: 0x11,
} as const

/** What packets are sealed for; each purpose has keys, counters and replay windows of its own. */
export type SealPurpose = keyof typeof packetKinds

export const keyIdOffset = 1
export const bootIdOffset = 5
export const counterOffset = 21
export const recipientOffset = 29
export const headerBytes = 33
export const tagBytes = 16
/** What sealing adds to the content. */
export const sealOverheadBytes: number = headerBytes + tagBytes
/** Most content bytes of one packet: what one UDP datagram over IPv4 holds. */
export const contentBytesMax: number = 65_507 - sealOverheadBytes

/** A counter of a packet; undefined above 2^53 - 1, which no honest sender reaches. */
export function readCounter(packet: Uint8Array): number | undefined {
  const view = new DataView(packet.buffer, packet.byteOffset + counterOffset, 8)
  const high = view.getUint32(4, true)
  if (high > 0x1f_ffff) return undefined
  return high * 4_294_967_296 + view.getUint32(0, true)
}

export function writeCounter(packet: Uint8Array, counter: number): void {
  const view = new DataView(packet.buffer, packet.byteOffset + counterOffset, 8)
  view.setUint32(0, counter >>> 0, true)
  view.setUint32(4, Math.floor(counter / 4_294_967_296), true)
}

/** Whom a packet is for: four bytes of a digest of its name, or 0 for everybody. */
export function readRecipient(packet: Uint8Array): number {
  const view = new DataView(packet.buffer, packet.byteOffset + recipientOffset, 4)
  return view.getUint32(0, true)
}

export function writeRecipient(packet: Uint8Array, recipient: number): void {
  const view = new DataView(packet.buffer, packet.byteOffset + recipientOffset, 4)
  view.setUint32(0, recipient, true)
}

/** The 12-byte nonce: the counter, then zeros. Unique because each boot has its own key. */
export function nonceOf(packet: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12)
  nonce.set(packet.subarray(counterOffset, counterOffset + 8))
  return nonce
}

/** Characters of bytes in hexadecimal, for map keys. */
export function hexOf(packet: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at++) text += hexDigits[packet[at] as number]
  return text
}

const hexDigits: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)
