interface Encoder {
  encode(text: string): Uint8Array
  encodeInto(text: string, target: Uint8Array): { read: number; written: number }
}

interface Decoder {
  decode(bytes: Uint8Array): string
}

// In every JavaScript runtime, but not in the ES2024 library that pure code compiles against.
const { TextEncoder, TextDecoder } = globalThis as unknown as {
  readonly TextEncoder: new () => Encoder
  readonly TextDecoder: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => Decoder
}

const encoder = new TextEncoder()
// A byte order mark is content like any other, else a text would not survive a round trip.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Up to so many bytes a loop is faster than a call into the runtime (measured on Node 24).
const shortBytesMax = 12

/** The UTF-8 bytes of a text, newly allocated. Lone surrogates become U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The text of UTF-8 bytes; undefined when they are not valid UTF-8. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  return utf8DecodeRange(bytes, 0, bytes.length)
}

/** Writes the UTF-8 bytes of a text from `offset` on, where they must have room. */
export function utf8EncodeInto(text: string, target: Uint8Array, offset: number): void {
  encoder.encodeInto(text, target.subarray(offset))
}

/** As {@link utf8Decode}, of the bytes from `start` to before `end`. */
export function utf8DecodeRange(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start <= shortBytesMax) {
    let text = ''
    let at = start
    for (; at < end; at += 1) {
      const byte = bytes[at] as number
      if (byte >= 0x80) break
      text += String.fromCharCode(byte)
    }
    if (at === end) return text
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** How many bytes {@link utf8Encode} makes of a text. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    // Two bytes below U+0800, else three; a surrogate pair has two units and four bytes.
    length += unit < 0x800 ? 1 : 2
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(at + 1)
      if (next >= 0xdc00 && next < 0xe000) at += 1
    }
  }
  return length
}
