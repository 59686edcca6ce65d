import { type BootId, type ByteReader, bootIdFromBytes, utf8Decode } from '@nodosum/kernel'

/**
 * The same names arrive in every packet. What is kept here makes one text of them instead of many:
 * nothing is allocated, and maps find it by identity. A power of two; more names push each other
 * out, which costs time and nothing else.
 */
const textsMax = 8_192
const texts: (string | undefined)[] = new Array<string | undefined>(textsMax).fill(undefined)

interface KnownBoot {
  readonly words: readonly number[]
  readonly id: BootId
}
const boots: (KnownBoot | undefined)[] = new Array<KnownBoot | undefined>(textsMax).fill(undefined)

/** As `reader.text`, for what is likely to arrive again. */
export function readRecurringText(reader: ByteReader, bytesMax: number): string {
  const length = reader.varint()
  if (length > bytesMax) {
    reader.fail()
    return ''
  }
  const bytes = reader.bytes(length)
  if (bytes.length === 0) return ''
  let hash = length
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  const at = (hash ^ (hash >>> 15)) & (textsMax - 1)
  const known = texts[at]
  if (known !== undefined && isText(known, bytes)) return known
  const text = utf8Decode(bytes)
  if (text === undefined) {
    reader.fail()
    return ''
  }
  texts[at] = text
  return text
}

/** The id of 16 bytes; '' of no bytes, after the reader has failed. */
export function readBootId(reader: ByteReader): BootId | '' {
  const [a, b, c, d] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()]
  if (reader.failed) return ''
  const known = boots[a & (textsMax - 1)]
  if (known !== undefined) {
    const { words } = known
    if (words[0] === a && words[1] === b && words[2] === c && words[3] === d) return known.id
  }
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of [a, b, c, d].entries()) view.setUint32(4 * index, word, true)
  const id = bootIdFromBytes(bytes)
  boots[a & (textsMax - 1)] = { words: [a, b, c, d], id }
  return id
}

/** Texts with anything but ASCII have other codes than bytes, so they never match. */
function isText(text: string, bytes: Uint8Array): boolean {
  if (text.length !== bytes.length) return false
  for (let at = 0; at < bytes.length; at += 1) {
    if (text.charCodeAt(at) !== bytes[at]) return false
  }
  return true
}
