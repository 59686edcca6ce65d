import { varintLength, writeVarint } from '@nodosum/kernel'

/**
 * Frame v1, the unit on every byte stream:
 *
 *     u32 length (little-endian, of everything after it)
 *     u8 type (top bit: a receiver that does not know it must end the session)
 *     u8 flags
 *     varint stream (0: the control stream)
 *     varint sequence (counts from 1 on each stream of a session; 0: only about this connection)
 *     body
 */
export const frameLengthBytes = 4

/** The smallest frame after its length: type, flags, one-byte stream, one-byte sequence. */
export const frameLengthMin = 4

/** Bytes that a header takes at most: 4 + 1 + 1 and two varints of up to 8 bytes. */
export const frameHeaderBytesMax = 22

/** Where in a frame its flags are. */
export const frameFlagsOffset = 5

/** Longest body of one frame; a longer message takes several. */
export const frameBodyBytesMax = 131_072

/** Longest frame after its length: a body, and a header with the length of the whole message. */
export const frameBytesMax: number = frameBodyBytesMax + 32

/** Types below 0x10 belong to sessions; the rest is the business of the layer above. */
export const frameType = {
  hello: 0x81,
  confirm: 0x82,
  reject: 0x83,
  open: 0x84,
  resume: 0x85,
  ack: 0x86,
  close: 0x89,
  refuse: 0x8a,
  goodbye: 0x07,
  renew: 0x08,
} as const

export const frameFlag = {
  /** The message goes on in the next frame of the stream. */
  more: 0x01,
  /** The sender waits for room: acknowledge at once. */
  acknowledgeNow: 0x02,
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

/** A whole frame about this connection only: stream 0, sequence 0. */
export function connectionFrame(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frameHeaderLength(0, 0) + body.length)
  const at = writeFrameHeader(bytes, 0, type, 0, 0, 0, body.length)
  bytes.set(body, at)
  return bytes
}

/** Bytes of the frame that starts at `offset`, its length included. */
export function frameBytesAt(bytes: Uint8Array, offset: number): number {
  const length =
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  return frameLengthBytes + (length >>> 0)
}
