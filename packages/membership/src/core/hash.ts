/** 32 bits of a text: FNV-1a over 16-bit units, then an avalanche. Equal on every node. */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let value = seed | 0
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  return mix(value)
}

/** Spreads every bit of a number over all 32. */
export function mix(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** The first 32 bits of a boot id: enough to tell the boots of one node apart. */
export function bootTagOf(bootId: string): number {
  return Number.parseInt(bootId.slice(0, 8), 16) >>> 0
}
