import { varintLength, writeVarint } from '@nodosum/kernel'

/**
 * Frame v1, the unit on every byte stream:
 *
 *     u32 length (little-endian, of everything after it)
 *     u8 type (top bit: a receiver that does not know it must end the session)
 *     u8 flags
 *     varint stream (0: the control stream)
 *     varint sequence (counts from 1 on each stream)
 *     body
 */
export const frameLengthBytes = 4

/** The smallest frame after its length: type, flags, one-byte stream, one-byte sequence. */
export const frameLengthMin = 4

/** Bytes that a header takes at most: 4 + 1 + 1 and two varints of up to 8 bytes. */
export const frameHeaderBytesMax = 22

/** Types below 0x10 belong to sessions; the rest is the business of the layer above. */
export const frameType = {
  hello: 0x81,
  confirm: 0x82,
  reject: 0x83,
  open: 0x84,
  retire: 0x86,
  retired: 0x87,
  keep: 0x88,
  goodbye: 0x05,
  renew: 0x09,
} as const

export const firstUpperFrameType = 0x10

/** Whether a receiver that does not know this type has to end the session. */
export function mustUnderstand(type: number): boolean {
  return (type & 0x80) !== 0
}

/** The part of a type that says whose it is, without the top bit. */
export function isSessionFrame(type: number): boolean {
  return (type & 0x7f) < firstUpperFrameType
}

export function frameHeaderLength(stream: number, sequence: number): number {
  return frameLengthBytes + 2 + varintLength(stream) + varintLength(sequence)
}

/** Writes a header at `offset` and returns where the body starts. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  flags: number,
  stream: number,
  sequence: number,
  bodyLength: number,
): number {
  let at = offset + frameLengthBytes
  target[at] = type
  target[at + 1] = flags
  at = writeVarint(target, at + 2, stream)
  at = writeVarint(target, at, sequence)
  const length = at - offset - frameLengthBytes + bodyLength
  target[offset] = length & 0xff
  target[offset + 1] = (length >>> 8) & 0xff
  target[offset + 2] = (length >>> 16) & 0xff
  target[offset + 3] = length >>> 24
  return at
}
