import { type ByteReader, ByteWriter } from '@nodosum/kernel'

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
} as const

/**
 * What every message, request and reply keeps free of `messageBytesMax` for what is around its
 * payload, so that what fits as one fits as any.
 */
export const envelopeBytesMax = 64

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
  /** The handler says of what it threw that the request may be made again. */
  readonly retryable: boolean
  /** Milliseconds after which the request may be made again; 0 when nobody knows. */
  readonly retryAfterMs: number
}

const textBytesMax = 4_096

export function encodeFailure(subject: Subject, failure: Failure): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(subject.stream)
  writer.varint(subject.sequence)
  writer.text(failure.code)
  writer.text(cut(failure.name, 64))
  writer.text(cut(failure.message, 1_000))
  writer.text(cut(failure.remoteCode, 64))
  writer.u8(failure.retryable ? 1 : 0)
  writer.varint(failure.retryAfterMs)
  return writer.finish()
}

/** Reads what follows the subject; null when it does not decode. */
export function decodeFailure(reader: ByteReader): Failure | null {
  const failure = {
    code: reader.text(textBytesMax),
    name: reader.text(textBytesMax),
    message: reader.text(textBytesMax),
    remoteCode: reader.text(textBytesMax),
    retryable: (reader.u8() & 1) === 1,
    retryAfterMs: reader.varint(),
  }
  return reader.failed ? null : failure
}

/** At most `unitsMax` UTF-16 units, never half a character. */
function cut(text: string, unitsMax: number): string {
  const short = text.length <= unitsMax ? text : text.slice(0, unitsMax)
  return short.isWellFormed() ? short : short.toWellFormed()
}
