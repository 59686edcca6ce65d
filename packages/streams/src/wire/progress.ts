import { ByteReader, ByteWriter } from '@nodosum/kernel'

/** How far one end is with a stream that the other end sends on. */
export interface Progress {
  readonly stream: number
  /** The sequence that it expects next: it has everything below. */
  readonly next: number
  /** Up to which offset of the stream frames may start. */
  readonly creditLimit: number
}

/** The body of ACK and RESUME: entries of stream, next sequence and credit limit. */
export function encodeProgress(entries: readonly Progress[]): Uint8Array {
  const writer = new ByteWriter({ initialBytes: 32 })
  for (const { stream, next, creditLimit } of entries) {
    writer.varint(stream)
    writer.varint(next)
    writer.varint(creditLimit)
  }
  return writer.finish()
}

/** Calls back for each entry; false when the bytes do not decode or a callback says so. */
export function readProgress(
  bytes: Uint8Array,
  start: number,
  end: number,
  entry: (stream: number, next: number, creditLimit: number) => boolean,
): boolean {
  const reader = new ByteReader(bytes, start, end)
  while (reader.remaining > 0) {
    const stream = reader.varint()
    const next = reader.varint()
    const creditLimit = reader.varint()
    if (reader.failed || next < 1 || !entry(stream, next, creditLimit)) return false
  }
  return !reader.failed
}
