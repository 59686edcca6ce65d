/** A connection id as the key of a map: its bytes as latin1. */
export function routeOf(bytes: Uint8Array, offset: number, length: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes)
  return buffer.toString('latin1', offset, offset + length)
}
