import { ByteReader, ByteWriter } from '@nodosum/kernel'

/** First on every stream but the control stream: what it is for. */
export interface Open {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
}

export type LaneKind = 'messages' | 'requests' | 'streams'

const kinds: readonly LaneKind[] = ['messages', 'requests', 'streams']

const nameBytesMax = 64

export function encodeOpen(open: Open): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(open.stream)
  writer.u8(kinds.indexOf(open.kind))
  writer.text(open.application)
  writer.text(open.name)
  return writer.finish()
}

/** Null when the bytes are no OPEN. Bytes after the known fields are for later versions. */
export function decodeOpen(bytes: Uint8Array): Open | null {
  const reader = new ByteReader(bytes)
  const stream = reader.varint()
  const kind = kinds[reader.u8()]
  const application = reader.text(nameBytesMax)
  const name = reader.text(nameBytesMax)
  if (reader.failed || kind === undefined || stream === 0) return null
  return { stream, kind, application, name }
}
