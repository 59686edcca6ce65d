/** What a GOAWAY carries beside HTTP/2's own code: why the connection ends. */
import { utf8Decode, utf8Encode } from '@nodosum/kernel'

/** The last word of an end of a connection. */
export interface Farewell {
  /** `refusal`: the peer must not come in; its reason is the code of an error. */
  readonly kind: 'close' | 'refusal'
  /** 0 to 2^32-1. */
  readonly code: number
  /** At most 128 bytes of UTF-8. */
  readonly reason: string
}

/** Other HTTP/2 peers put free text there. */
const magic = Uint8Array.of(0x6e, 0x6f, 0x64, 0x31)
const headBytes = 9
/** The contract's bound (`closeReasonBytesMax`), which pure code cannot import. */
const reasonBytesMax = 128

/** Magic, kind (0 or 1), code as 32 bits big-endian, reason. */
export function encodeFarewell(farewell: Farewell): Uint8Array {
  const reason = utf8Encode(farewell.reason)
  const bytes = new Uint8Array(headBytes + reason.length)
  bytes.set(magic)
  bytes[4] = farewell.kind === 'refusal' ? 1 : 0
  writeUint32(bytes, 5, farewell.code)
  bytes.set(reason, headBytes)
  return bytes
}

/** Undefined for everything that this library did not write. */
export function decodeFarewell(bytes: Uint8Array): Farewell | undefined {
  if (bytes.length < headBytes || bytes.length > headBytes + reasonBytesMax) return undefined
  if (magic.some((byte, index) => bytes[index] !== byte)) return undefined
  const kind = bytes[4]
  if (kind !== 0 && kind !== 1) return undefined
  const reason = utf8Decode(bytes.subarray(headBytes))
  if (reason === undefined) return undefined
  return { kind: kind === 1 ? 'refusal' : 'close', code: readUint32(bytes, 5), reason }
}

/** At most 128 bytes of UTF-8, not cut inside a character. */
export function cutReason(text: string): string {
  const bytes = utf8Encode(text)
  if (bytes.length <= reasonBytesMax) return text
  let length = reasonBytesMax
  while (length > 0 && ((bytes[length] as number) & 0xc0) === 0x80) length -= 1
  return utf8Decode(bytes.subarray(0, length)) ?? ''
}

const clientPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const frameHeadBytes = 9
const goawayFixedBytes = 8
const settingsType = 4
const goawayType = 7

/**
 * All that a peer gets which is not let in, as bytes of HTTP/2 (RFC 9113): the preface of this
 * end, empty SETTINGS, GOAWAY. Written without an HTTP/2 engine, so that nobody meets one before
 * its certificate has passed.
 */
export function encodeRefusal(role: 'dialer' | 'acceptor', farewell: Farewell): Uint8Array {
  const preface = role === 'dialer' ? utf8Encode(clientPreface) : new Uint8Array(0)
  const opaque = encodeFarewell(farewell)
  const goawayAt = preface.length + frameHeadBytes
  const bytes = new Uint8Array(goawayAt + frameHeadBytes + goawayFixedBytes + opaque.length)
  bytes.set(preface)
  bytes[preface.length + 3] = settingsType
  // Length (24 bits), type, flags, stream 0; then last stream 0 and NO_ERROR. It is below 256.
  bytes[goawayAt + 2] = goawayFixedBytes + opaque.length
  bytes[goawayAt + 3] = goawayType
  bytes.set(opaque, goawayAt + frameHeadBytes + goawayFixedBytes)
  return bytes
}

/** Big-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Big-endian; what is missing counts as 0. */
export function readUint32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4)
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}
