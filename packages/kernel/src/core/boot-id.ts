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
  // Eight bytes at a time: adding one by one leaves a chain that every later use has to walk.
  return (hexOfEight(bytes, 0) + hexOfEight(bytes, 8)) as BootId
}

function hexOfEight(bytes: Uint8Array, at: number): string {
  const hex = (offset: number): string => hexOfByte[bytes[at + offset] as number] as string
  return `${hex(0)}${hex(1)}${hex(2)}${hex(3)}${hex(4)}${hex(5)}${hex(6)}${hex(7)}`
}
