import { ByteReader, ByteWriter } from '@nodosum/kernel'

/** How far one end is with a stream that the other end sends on. */
export interface Progress {
  readonly stream: number
  /** The sequence that it expects next: it has everything below. */
  readonly next: number
  /** Up to which offset of the stream frames may start. */
  readonly creditLimit: number
}

/** The body of RESUME: entries of stream, next sequence and credit limit. */
export function encodeProgress(entries: readonly Progress[]): Uint8Array {
  return writeEntries(new ByteWriter({ initialBytes: 32 }), entries)
}

/** The body of ACK: how many bytes of lanes have come over this connection, and the same entries. */
export function encodeAcknowledgement(
  arrivedBytes: number,
  entries: readonly Progress[],
): Uint8Array {
  const writer = new ByteWriter({ initialBytes: 32 })
  writer.varint(arrivedBytes)
  return writeEntries(writer, entries)
}

function writeEntries(writer: ByteWriter, entries: readonly Progress[]): Uint8Array {
  for (const { stream, next, creditLimit } of entries) {
    writer.varint(stream)
    writer.varint(next)
    writer.varint(creditLimit)
  }
  return writer.finish()
}

type TakeEntry = (stream: number, next: number, creditLimit: number) => boolean

/** Calls back for each entry; false when the bytes do not decode or a callback says so. */
export function readProgress(
  bytes: Uint8Array,
  start: number,
  end: number,
  entry: TakeEntry,
): boolean {
  return readEntries(new ByteReader(bytes, start, end), entry)
}

/** The same for ACK, with the bytes that have come first. */
export function readAcknowledgement(
  bytes: Uint8Array,
  start: number,
  end: number,
  arrived: (bytes: number) => boolean,
  entry: TakeEntry,
): boolean {
  const reader = new ByteReader(bytes, start, end)
  const arrivedBytes = reader.varint()
  return !reader.failed && arrived(arrivedBytes) && readEntries(reader, entry)
}

function readEntries(reader: ByteReader, entry: TakeEntry): boolean {
  while (reader.remaining > 0) {
    const stream = reader.varint()
    const next = reader.varint()
    const creditLimit = reader.varint()
    if (reader.failed || next < 1 || !entry(stream, next, creditLimit)) return false
  }
  return !reader.failed
}
