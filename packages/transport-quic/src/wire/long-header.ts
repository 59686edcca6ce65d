/** The part of QUIC headers (RFC 8999, 9000) that routing needs, read without the engine. */

/** Every connection id of our own has this length, so short headers need no parser. */
export const connectionIdBytes = 20

/** An Initial in a smaller datagram must be discarded (RFC 9000, section 14.1). */
export const initialDatagramBytesMin = 1200

const version1 = 1
const initialPacketType = 0
const destinationIdOffset = 6
/** RFC 9000, section 7.2: what a client picks for the server has at least 8 bytes. */
const initialIdBytesMin = 8

/** Where the destination id lies; `opens` says that the packet may open a connection. */
export interface LongHeader {
  readonly idOffset: number
  readonly idLength: number
  readonly opens: boolean
}

/** What an Initial says, as views of it. */
export interface InitialFields {
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  /** Empty unless the dialer was sent back with one. */
  readonly token: Uint8Array
}

/** True for the packets of a handshake, false for established traffic. */
export function hasLongHeader(first: number): boolean {
  return (first & 0x80) !== 0
}

/** Where the destination id of every packet with a short header lies. */
export const shortIdOffset = 1

/** Undefined when the bytes are no QUIC version 1 packet. */
export function readLongHeader(bytes: Uint8Array): LongHeader | undefined {
  const [first, v0, v1, v2, v3, idLength] = bytes
  if (first === undefined || idLength === undefined) return undefined
  if (v0 !== 0 || v1 !== 0 || v2 !== 0 || v3 !== version1) return undefined
  if (idLength > connectionIdBytes || bytes.length < destinationIdOffset + idLength) {
    return undefined
  }
  const opens =
    (first & 0x30) >> 4 === initialPacketType &&
    bytes.length >= initialDatagramBytesMin &&
    idLength >= initialIdBytesMin
  return { idOffset: destinationIdOffset, idLength, opens }
}

/** The fields of an Initial, as views of it; undefined when it is cut off. */
export function readInitialFields(
  bytes: Uint8Array,
  { idOffset, idLength }: LongHeader,
): InitialFields | undefined {
  const sourceLengthAt = idOffset + idLength
  const sourceLength = bytes[sourceLengthAt]
  if (sourceLength === undefined || sourceLength > connectionIdBytes) return undefined
  const sourceEnd = sourceLengthAt + 1 + sourceLength
  const lengthOfToken = readLength(bytes, sourceEnd)
  if (lengthOfToken === undefined) return undefined
  const tokenEnd = lengthOfToken.end + lengthOfToken.value
  if (tokenEnd > bytes.length) return undefined
  return {
    destinationId: bytes.subarray(idOffset, sourceLengthAt),
    sourceId: bytes.subarray(sourceLengthAt + 1, sourceEnd),
    token: bytes.subarray(lengthOfToken.end, tokenEnd),
  }
}

/** A variable-length integer of one or two bytes: no datagram holds a longer token. */
function readLength(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  const [first, second] = bytes.subarray(at, at + 2)
  if (first === undefined) return undefined
  if (first < 0x40) return { value: first, end: at + 1 }
  if (first >= 0x80 || second === undefined) return undefined
  return { value: ((first & 0x3f) << 8) | second, end: at + 2 }
}
