import { NodosumError } from './nodosum-error.ts'
import type { Random } from './random.ts'

declare const brand: unique symbol

/** Names one start of a node: 128 random bits as 32 lower-case hexadecimal characters. */
export type BootId = string & { readonly [brand]: 'BootId' }

/** Bytes of a boot id on the wire. */
export const bootIdBytes = 16

const pattern = /^[0-9a-f]{32}$/

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
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
    bytes[index] = Number.parseInt(id.slice(index * 2, index * 2 + 2), 16)
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
  let text = ''
  for (const byte of bytes) text += hexOfByte[byte]
  return text as BootId
}
