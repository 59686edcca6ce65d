import { ByteReader, ByteWriter } from '@nodosum/kernel'

/** Frame types of messaging. The top bit: who does not know it must end the session. */
export const messageFrame = {
  /** On a lane of kind `messages`; body: envelope. */
  message: 0x90,
  /** On a lane of kind `requests`; body: varint milliseconds left, envelope. */
  request: 0x91,
  /** Control; body: subject, u8 encoding, payload. */
  reply: 0x92,
  /** Control; body: subject, failure. A request failed or was refused. */
  failure: 0x93,
  /** Control; body: subject. The handlers of all messages up to it have started. */
  started: 0x94,
  /** Control; body: subject, failure or nothing. One message's handler has finished. */
  handled: 0x95,
  /** Control; body: subject, failure. One message was refused before its handler started. */
  refused: 0x96,
  /** Control; body: subject. The caller gave up on a request. */
  cancel: 0x17,
  /** On a lane of kind `streams`; body: varint milliseconds left, two varint windows, envelope. */
  stream: 0x98,
  /** On a lane of kind `streams`; body: varint call, u8 encoding, payload. */
  item: 0x99,
  /** On a lane of kind `streams`; body: varint call, failure or nothing. No item comes after it. */
  end: 0x9a,
  /** On a lane of kind `streams`; body: varint call, varint items, varint bytes, from its start. */
  more: 0x9b,
  /** On a lane of kind `streams`; body: varint call. Its consumer wants no more. */
  stop: 0x9c,
} as const

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
export const headerTag = { key: 1, method: 2 } as const

/**
 * What every message, request and reply keeps free of `messageBytesMax` for what is around its
 * payload, so that what fits as one fits as any.
 */
export const envelopeBytesMax = 64

/** Longest routing key in UTF-8. */
export const keyBytesMax = 1_024

/** Longest name of a method of a contract. */
export const methodBytesMax = 64

/** Names a frame of a lane: which stream, which sequence. */
export interface Subject {
  stream: number
  sequence: number
}

/** Why a handler or a request failed, as it travels. */
export interface Failure {
  /** A Nodosum code, or empty when a handler threw something of its own. */
  readonly code: string
  readonly name: string
  readonly message: string
  /** The `code` of what the handler threw, or empty. */
  readonly remoteCode: string
  /** Of an error that the contract declares: its data. Of a refused payload: its issues. */
  readonly data?: FailureData | undefined
}

export interface FailureData {
  readonly bytes: Uint8Array
  readonly cbor: boolean
}

const textBytesMax = 4_096

/** Longest message of a failure, in UTF-16 units. */
const failureTextMax = 1_000

/** What the texts of a failure take at most, so that its data has the rest of a frame. */
export const failureBytesMax: number = 3 * (failureTextMax + 3 * 64) + 64

/** @param method of a contract; null for the untyped form */
export function encodeHeaders(key: string | null, method: string | null = null): Uint8Array {
  const entries = new ByteWriter()
  if (key !== null) {
    entries.varint(headerTag.key)
    entries.text(key)
  }
  if (method !== null) {
    entries.varint(headerTag.method)
    entries.text(method)
  }
  const block = new ByteWriter()
  block.varint(entries.length)
  block.bytes(entries.view())
  return block.finish()
}

export interface Headers {
  readonly key: string | null
  readonly method: string | null
}

/** What an envelope without a header block says. */
export const noHeaders: Headers = { key: null, method: null }

/** Reads a header block; the reader has failed when it does not decode. */
export function decodeHeaders(reader: ByteReader): Headers {
  const block = new ByteReader(reader.bytes(reader.varint()))
  let key: string | null = null
  let method: string | null = null
  while (!block.failed && block.remaining > 0) {
    const tag = block.varint()
    if (tag === headerTag.key) key = block.text(keyBytesMax)
    else if (tag === headerTag.method) method = block.text(methodBytesMax)
    else block.skip(block.varint())
  }
  if (block.failed) reader.fail()
  return { key, method }
}

export function encodeFailure(subject: Subject, failure: Failure): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(subject.stream)
  writer.varint(subject.sequence)
  writeFailure(writer, failure)
  return writer.finish()
}

export function writeFailure(writer: ByteWriter, failure: Failure): void {
  writer.text(failure.code)
  writer.text(cut(failure.name, 64))
  writer.text(cut(failure.message, failureTextMax))
  writer.text(cut(failure.remoteCode, 64))
  if (failure.data === undefined) return
  writer.u8(failure.data.cbor ? 1 : 0)
  writer.bytes(failure.data.bytes)
}

/** Reads what follows the subject; null when it does not decode. */
export function decodeFailure(reader: ByteReader): Failure | null {
  const code = reader.text(textBytesMax)
  const name = reader.text(textBytesMax)
  const message = reader.text(textBytesMax)
  const remoteCode = reader.text(textBytesMax)
  const hasData = reader.remaining > 0
  const data = hasData ? { cbor: reader.u8() === 1, bytes: reader.rest() } : undefined
  return reader.failed ? null : { code, name, message, remoteCode, data }
}

/** At most `unitsMax` UTF-16 units, never half a character. */
function cut(text: string, unitsMax: number): string {
  const short = text.length <= unitsMax ? text : text.slice(0, unitsMax)
  return short.isWellFormed() ? short : short.toWellFormed()
}
