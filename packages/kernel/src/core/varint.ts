import { invariant } from './invariant.ts'

/** Bytes that {@link writeVarint} takes for a value from 0 to 2^53 - 1: 7 bits each, so 1 to 8. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  if (value < 0x1000_0000) return 4
  if (value < 0x8_0000_0000) return 5
  if (value < 0x400_0000_0000) return 6
  if (value < 0x2_0000_0000_0000) return 7
  return 8
}

/**
 * Writes an unsigned LEB128 number, least significant bits first.
 *
 * @param value a whole number from 0 to 2^53 - 1
 * @returns the offset after it
 * @throws `ERR_NODOSUM_INVARIANT_VIOLATED` for another value, or when the target is too short
 */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  // Nearly every value is a small integer, for which this is one comparison; NaN is none either.
  let rest = value | 0
  if (rest !== value || rest < 0) return writeLargeVarint(target, offset, value)
  let at = offset
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80
    rest >>>= 7
    at += 1
  }
  target[at] = rest
  at += 1
  // A typed array ignores a write past its end, so a short target would go unnoticed.
  invariant(at <= target.length, 'the target is too short for the varint')
  return at
}

// Bit operations see 32 bits, so a larger value is written as its low four groups and the rest.
function writeLargeVarint(target: Uint8Array, offset: number, value: number): number {
  invariant(Number.isSafeInteger(value) && value >= 0, 'a varint is from 0 to 2^53 - 1')
  let low = value % 0x1000_0000
  for (let group = 0; group < 4; group += 1) {
    target[offset + group] = (low & 0x7f) | 0x80
    low >>>= 7
  }
  return writeVarint(target, offset + 4, Math.floor(value / 0x1000_0000))
}
