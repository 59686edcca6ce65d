import {
  type BootId,
  ByteReader,
  ByteWriter,
  bootIdFromBytes,
  bootIdToBytes,
  type ClusterName,
  isClusterName,
  isNodeId,
  type NodeId,
} from '@nodosum/kernel'

/** Versions of the session protocol that this build speaks. */
export const protocolVersions = { min: 1, max: 1 } as const

/** First on every connection, from both ends. */
export interface Hello {
  readonly versionMin: number
  readonly versionMax: number
  /** Optional features, one bit each; what both set is used. None is defined in version 1. */
  readonly features: number
  readonly cluster: ClusterName
  readonly nodeId: NodeId
  readonly bootId: BootId
  /** Who the dialer believes it is talking to; empty when it only knows an address. */
  readonly expected: string
  /** Rises with each connection between the same two processes; see `chooseAttachment`. */
  readonly attachment: number
}

/** The answer to a HELLO that is not accepted. */
export interface Reject {
  /** An error code without its prefix, or `DUPLICATE` for a connection that lost to another. */
  readonly code: string
  readonly message: string
}

/** First on every byte stream but the control stream. */
export interface Open {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
}

export type LaneKind = 'messages' | 'requests'

const kinds: readonly LaneKind[] = ['messages', 'requests']

const nameBytesMax = 64

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(hello.versionMin)
  writer.varint(hello.versionMax)
  writer.varint(hello.features)
  writer.text(hello.cluster)
  writer.text(hello.nodeId)
  writer.bytes(bootIdToBytes(hello.bootId))
  writer.text(hello.expected)
  writer.varint(hello.attachment)
  return writer.finish()
}

/** Null when the bytes are not a HELLO. Bytes after the known fields are for later versions. */
export function decodeHello(bytes: Uint8Array): Hello | null {
  const reader = new ByteReader(bytes)
  const versionMin = reader.varint()
  const versionMax = reader.varint()
  const features = reader.varint()
  const cluster = reader.text(nameBytesMax)
  const nodeId = reader.text(nameBytesMax)
  const bootBytes = reader.bytes(16)
  const expected = reader.text(nameBytesMax)
  const attachment = reader.varint()
  if (reader.failed || !isClusterName(cluster) || !isNodeId(nodeId)) return null
  if (versionMin > versionMax || attachment < 1) return null
  if (expected !== '' && !isNodeId(expected)) return null
  const bootId = bootIdFromBytes(bootBytes)
  return { versionMin, versionMax, features, cluster, nodeId, bootId, expected, attachment }
}

export function encodeReject(reject: Reject): Uint8Array {
  const writer = new ByteWriter()
  writer.text(reject.code)
  writer.text(reject.message)
  return writer.finish()
}

export function decodeReject(bytes: Uint8Array): Reject | null {
  const reader = new ByteReader(bytes)
  const code = reader.text(nameBytesMax)
  const message = reader.text(1_024)
  return reader.failed ? null : { code, message }
}

export function encodeOpen(open: Open): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(open.stream)
  writer.u8(kinds.indexOf(open.kind))
  writer.text(open.application)
  writer.text(open.name)
  return writer.finish()
}

export function decodeOpen(bytes: Uint8Array): Open | null {
  const reader = new ByteReader(bytes)
  const stream = reader.varint()
  const kind = kinds[reader.u8()]
  const application = reader.text(nameBytesMax)
  const name = reader.text(nameBytesMax)
  if (reader.failed || kind === undefined || stream === 0) return null
  return { stream, kind, application, name }
}
