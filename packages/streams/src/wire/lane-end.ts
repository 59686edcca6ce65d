import { type ByteReader, ByteWriter } from '@nodosum/kernel'

const codeBytesMax = 64

/** What CLOSE says, and REFUSE says first: which lane, and the sequence that would come next. */
export interface LaneEnd {
  readonly stream: number
  readonly next: number
}

/** Why an end takes a lane no longer, or never did. */
export interface LaneRefusal {
  /** An error code. */
  readonly code: string
  readonly message: string
}

export function encodeClose({ stream, next }: LaneEnd): Uint8Array {
  const writer = new ByteWriter({ initialBytes: 16 })
  writer.varint(stream)
  writer.varint(next)
  return writer.finish()
}

/** Null when the bytes are no CLOSE. Bytes after the known fields are for later versions. */
export function decodeClose(reader: ByteReader): LaneEnd | null {
  const stream = reader.varint()
  const next = reader.varint()
  return reader.failed || stream === 0 || next === 0 ? null : { stream, next }
}

export function encodeRefuse({ stream, next, code, message }: LaneEnd & LaneRefusal): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(stream)
  writer.varint(next)
  writer.text(code)
  writer.text(message.slice(0, 256).toWellFormed())
  return writer.finish()
}

/** Null when the bytes are no REFUSE. */
export function decodeRefuse(reader: ByteReader): (LaneEnd & LaneRefusal) | null {
  const end = decodeClose(reader)
  const code = reader.text(codeBytesMax)
  const message = reader.text(1_024)
  return reader.failed || end === null || code === '' ? null : { ...end, code, message }
}
