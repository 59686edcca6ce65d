import { ByteReader, ByteWriter, utf8Encode } from '@nodosum/kernel'
import type { Group, TagFilter } from '../core/target.ts'

/** Bits of an envelope's first byte. */
export const envelopeBit = {
  /** The payload is CBOR; without it the payload is the application's own bytes. */
  cbor: 0x01,
  /** The sender wants `handled`. */
  confirmHandled: 0x02,
  /** A header block follows: varint length, then entries of varint tag, varint length, bytes. */
  headers: 0x04,
} as const

/** Tags of header entries; a receiver skips those it does not know. */
export const headerTag = {
  /** The routing key. */
  key: 1,
  /** The method of a contract, in UTF-8. */
  method: 2,
  /** Varint: which attempt this is, from 2 on; u8: 1 when an earlier one may have been handled. */
  attempt: 8,
  /** One header of the application: name and value, each with a varint length before it. */
  header: 9,
  /**
   * Among which members the key has an owner: varint number of tags that they have, those tags,
   * varint number of tags that they must not all have, those tags; a tag is name and value, each
   * with a varint length before it.
   */
  group: 10,
} as const

/** Longest routing key in UTF-8. */
export const keyBytesMax = 1_024

/** Longest name of a method of a contract. */
export const methodBytesMax = 64

/** Most headers of one message, and how long names and values may be in UTF-8. */
export const headersMax = 32
export const headerNameBytesMax = 64
export const headerValueBytesMax = 1_024

/** Most tags of a filter, and how long names and values may be in UTF-8. */
export const filterTagsMax = 16
export const tagBytesMax = 256

/** What stands before the payload of a message or a request. */
export interface Envelope {
  readonly key: string | null
  /** Of a contract; null for the untyped form. */
  readonly method: string | null
  /** 1 for the first. */
  readonly attempt: number
  /** An earlier attempt may have been handled. */
  readonly redelivered: boolean
  readonly headers: Readonly<Record<string, string>>
  /** Among which members `key` has an owner; null for all that run the application. */
  readonly group: Group | null
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** The envelope of what has no header block. */
export const plainEnvelope: Envelope = Object.freeze({
  key: null,
  method: null,
  attempt: 1,
  redelivered: false,
  headers: noHeaders,
  group: null,
})

/** The header block, or null when there is nothing to say. */
export function encodeHeaders(
  envelope: {
    readonly [Name in keyof Envelope]?: Envelope[Name] | undefined
  },
): Uint8Array | null {
  const {
    key = null,
    method = null,
    attempt = 1,
    redelivered = false,
    headers = noHeaders,
  } = envelope
  // So most messages are.
  if (key === null && method === null && attempt === 1 && headers === noHeaders) return null
  const block = new ByteWriter()
  if (key !== null) {
    block.varint(headerTag.key)
    block.text(key)
    if (envelope.group) writeGroup(block, envelope.group)
  }
  if (method !== null) {
    block.varint(headerTag.method)
    block.text(method)
  }
  if (attempt > 1) {
    const entry = new ByteWriter({ initialBytes: 16 })
    entry.varint(attempt)
    entry.u8(redelivered ? 1 : 0)
    writeEntry(block, headerTag.attempt, entry)
  }
  for (const name in headers) {
    const entry = new ByteWriter()
    entry.text(name)
    entry.text(headers[name] as string)
    writeEntry(block, headerTag.header, entry)
  }
  if (block.length === 0) return null
  const whole = new ByteWriter({ initialBytes: block.length + 4 })
  whole.varint(block.length)
  whole.bytes(block.view())
  return whole.finish()
}

/** Reads a header block; the reader has failed when it does not decode or has too much. */
export function decodeHeaders(reader: ByteReader): Envelope {
  const block = new ByteReader(reader.bytes(reader.varint()))
  const envelope: { -readonly [K in keyof Envelope]: Envelope[K] } = { ...plainEnvelope }
  let headers: Record<string, string> | null = null
  let count = 0
  while (!block.failed && block.remaining > 0) {
    const tag = block.varint()
    if (tag === headerTag.key) {
      envelope.key = block.text(keyBytesMax)
      continue
    }
    if (tag === headerTag.method) {
      envelope.method = block.text(methodBytesMax)
      continue
    }
    const entry = new ByteReader(block.bytes(block.varint()))
    if (tag === headerTag.attempt) {
      envelope.attempt = entry.varint()
      envelope.redelivered = (entry.u8() & 1) === 1
    } else if (tag === headerTag.header) {
      if (++count > headersMax) entry.fail()
      // Without a prototype, so that a header may have any name.
      headers ??= Object.create(null) as Record<string, string>
      const name = entry.text(headerNameBytesMax)
      headers[name] = entry.text(headerValueBytesMax)
    } else if (tag === headerTag.group) envelope.group = readGroup(entry)
    if (entry.failed) block.fail()
  }
  if (headers !== null) envelope.headers = Object.freeze(headers)
  if (block.failed) reader.fail()
  return envelope
}

/** Length in UTF-8. */
export function utf8Bytes(text: string): number {
  return utf8Encode(text).length
}

function writeEntry(block: ByteWriter, tag: number, entry: ByteWriter): void {
  block.varint(tag)
  block.varint(entry.length)
  block.bytes(entry.view())
}

function writeGroup(block: ByteWriter, { match, except }: Group): void {
  const entry = new ByteWriter()
  writeTags(entry, match)
  writeTags(entry, except ?? {})
  writeEntry(block, headerTag.group, entry)
}

function writeTags(entry: ByteWriter, tags: TagFilter): void {
  const names = Object.keys(tags)
  entry.varint(names.length)
  for (const name of names) {
    entry.text(name)
    entry.text(tags[name] as string)
  }
}

function readGroup(entry: ByteReader): Group {
  const match = readTags(entry)
  const except = readTags(entry)
  return { match, except: Object.keys(except).length === 0 ? null : except }
}

function readTags(entry: ByteReader): TagFilter {
  const tags = Object.create(null) as Record<string, string>
  const count = entry.varint()
  // What a canary's tags are added to has at most as many again.
  if (count > filterTagsMax * 2) entry.fail()
  for (let index = 0; index < count && !entry.failed; index++) {
    tags[entry.text(tagBytesMax)] = entry.text(tagBytesMax)
  }
  return tags
}
