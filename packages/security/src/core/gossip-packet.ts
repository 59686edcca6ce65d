/**
 * A sealed packet: version (1 byte), key id (4), boot id of the sender (16), counter (8, little-
 * endian), then what AES-256-GCM made of the content, then its tag (16).
 *
 * The version byte has bits 0x80 and 0x40 clear: on the shared UDP port that tells it from QUIC.
 */
export const gossipVersion = 0x01
export const keyIdOffset = 1
export const bootIdOffset = 5
export const counterOffset = 21
export const headerBytes = 29
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
