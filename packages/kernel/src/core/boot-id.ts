import { NodosumError } from './nodosum-error.ts'
import type { Random } from './random.ts'

declare const brand: unique symbol

/** Names one start of a node: 128 random bits as 32 lower-case hexadecimal characters. */
export type BootId = string & { readonly [brand]: 'BootId' }

/** Bytes of a boot id on the wire. */
export const bootIdBytes = 16

const pattern = /^[0-9a-f]{32}$/

const digits = '0123456789abcdef'
/** The two character codes of each byte, one after the other. */
const codesOfByte: readonly number[] = Array.from({ length: 512 }, (_, at) =>
  digits.charCodeAt(at % 2 === 0 ? at >> 5 : (at >> 1) & 15),
)

/** Draws a new boot id. In production the random source must be a cryptographic one. */
export function newBootId(random: Random): BootId {
  return bootIdFromBytes(random.bytes(bootIdBytes))
}

/** Whether the value is a boot id. */
export function isBootId(value: unknown): value is BootId {
  return typeof value === 'string' && pattern.test(value)
}

/** The 16 bytes of a boot id, newly allocated. */
export function bootIdToBytes(id: BootId): Uint8Array {
  const bytes = new Uint8Array(bootIdBytes)
  for (let index = 0; index < bootIdBytes; index += 1) {
    bytes[index] = (digitAt(id, index * 2) << 4) | digitAt(id, index * 2 + 1)
  }
  return bytes
}

/**
 * The boot id of 16 bytes.
 *
 * @throws ERR_NODOSUM_DECODE_FAILED when there are not exactly 16
 */
export function bootIdFromBytes(bytes: Uint8Array): BootId {
  if (bytes.length !== bootIdBytes) {
    throw new NodosumError(
      'ERR_NODOSUM_DECODE_FAILED',
      `A boot id has ${bootIdBytes} bytes, got ${bytes.length}.`,
    )
  }
  // In one piece: a text of parts would be kept as a tree of them.
  const codes: number[] = []
  for (const byte of bytes) {
    codes.push(codesOfByte[byte * 2] as number, codesOfByte[byte * 2 + 1] as number)
  }
  return String.fromCharCode(...codes) as BootId
}

/** Of a lower-case hexadecimal digit. */
function digitAt(id: BootId, at: number): number {
  const code = id.charCodeAt(at)
  return code < 0x3a ? code - 0x30 : code - 0x57
}
