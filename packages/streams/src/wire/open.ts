import { ByteReader, ByteWriter } from '@nodosum/kernel'

/** First on every stream but the control stream: what it is for. */
export interface Open {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  readonly laneClass: LaneClass
}

export type LaneKind = 'messages' | 'requests' | 'streams'

/**
 * What is sent first. `interactive`: at once. `bulk`: as far as the path has room, and its share
 * while interactive lanes fill it. `scheduled`: when nothing else may leave, or after its longest
 * wait. Above them is the control stream, which is no lane.
 */
export type LaneClass = 'interactive' | 'bulk' | 'scheduled'

/** In the order in which they are served. */
export const laneClasses: readonly LaneClass[] = ['interactive', 'bulk', 'scheduled']

const kinds: readonly LaneKind[] = ['messages', 'requests', 'streams']

const nameBytesMax = 64

export function encodeOpen(open: Open): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(open.stream)
  writer.u8(kinds.indexOf(open.kind))
  writer.text(open.application)
  writer.text(open.name)
  // 0 is the class of the control stream, which is never opened.
  writer.u8(1 + laneClasses.indexOf(open.laneClass))
  return writer.finish()
}

/**
 * Null when the bytes are no OPEN. Bytes after the known fields are for later versions, and so are
 * classes above the known ones: a receiver takes them for interactive, since it is for the sender to
 * rank.
 */
export function decodeOpen(bytes: Uint8Array): Open | null {
  const reader = new ByteReader(bytes)
  const stream = reader.varint()
  const kind = kinds[reader.u8()]
  const application = reader.text(nameBytesMax)
  const name = reader.text(nameBytesMax)
  const rank = reader.u8()
  if (reader.failed || kind === undefined || stream === 0 || rank === 0) return null
  return { stream, kind, application, name, laneClass: laneClasses[rank - 1] ?? 'interactive' }
}
