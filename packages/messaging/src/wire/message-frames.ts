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

/** What a failure takes at most without its data, so that this has the rest of a frame. */
export const failureBytesMax: number = 3 * (failureTextMax + 3 * 64) + 64

/** Bits of a failure, after its texts. */
const failureBit = { retryable: 0x01, data: 0x02, cbor: 0x04 } as const

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
  const { data } = failure
  const dataBits = data === undefined ? 0 : failureBit.data | (data.cbor ? failureBit.cbor : 0)
  writer.u8((failure.retryable ? failureBit.retryable : 0) | dataBits)
  writer.varint(failure.retryAfterMs)
  if (data !== undefined) writer.bytes(data.bytes)
}

/** Reads what follows the subject; null when it does not decode. */
export function decodeFailure(reader: ByteReader): Failure | null {
  const texts = {
    code: reader.text(textBytesMax),
    name: reader.text(textBytesMax),
    message: reader.text(textBytesMax),
    remoteCode: reader.text(textBytesMax),
  }
  const bits = reader.u8()
  const retryAfterMs = reader.varint()
  const hasData = (bits & failureBit.data) !== 0
  const data = hasData ? { cbor: (bits & failureBit.cbor) !== 0, bytes: reader.rest() } : undefined
  if (reader.failed) return null
  return { ...texts, retryable: (bits & failureBit.retryable) !== 0, retryAfterMs, data }
}

/** At most `unitsMax` UTF-16 units, never half a character. */
function cut(text: string, unitsMax: number): string {
  const short = text.length <= unitsMax ? text : text.slice(0, unitsMax)
  return short.isWellFormed() ? short : short.toWellFormed()
}
