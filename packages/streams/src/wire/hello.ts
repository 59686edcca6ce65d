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

/** Bytes that name a session. */
export const sessionIdBytes = 8

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
  /** The session that goes on, or the one that starts, as 16 hexadecimal characters. */
  readonly session: string
  /** The peer has confirmed the session before, so that both ends must know it. */
  readonly resumes: boolean
  /** Bytes that may be sent on each lane before the first acknowledgement. */
  readonly windowBytes: number
}

/** The answer to a HELLO that is not accepted. */
export interface Reject {
  /** An error code without its prefix, or `DUPLICATE` for a connection that lost to another. */
  readonly code: string
  readonly message: string
  /** The attachment number that a further dial has to exceed. */
  readonly attachment: number
}

const nameBytesMax = 64
const resumesBit = 1

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
  writer.bytes(sessionIdToBytes(hello.session))
  writer.varint(hello.resumes ? resumesBit : 0)
  writer.varint(hello.windowBytes)
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
  const session = sessionIdFromBytes(reader.bytes(sessionIdBytes))
  const resumes = (reader.varint() & resumesBit) !== 0
  const windowBytes = reader.varint()
  if (reader.failed || !isClusterName(cluster) || !isNodeId(nodeId)) return null
  if (versionMin > versionMax || attachment < 1) return null
  if (expected !== '' && !isNodeId(expected)) return null
  const bootId = bootIdFromBytes(bootBytes)
  const names = { cluster, nodeId, bootId, expected, attachment }
  return { versionMin, versionMax, features, ...names, session, resumes, windowBytes }
}

export function encodeReject(reject: Reject): Uint8Array {
  const writer = new ByteWriter()
  writer.text(reject.code)
  writer.text(reject.message)
  writer.varint(reject.attachment)
  return writer.finish()
}

export function decodeReject(bytes: Uint8Array): Reject | null {
  const reader = new ByteReader(bytes)
  const code = reader.text(nameBytesMax)
  const message = reader.text(1_024)
  const attachment = reader.varint()
  return reader.failed ? null : { code, message, attachment }
}

/** Why a session ends, as its other end says. */
export interface Goodbye {
  /** An error code; empty for an orderly end. */
  readonly code: string
  readonly message: string
}

export function encodeGoodbye(goodbye: Goodbye): Uint8Array {
  const writer = new ByteWriter()
  writer.text(goodbye.code)
  writer.text(goodbye.message.slice(0, 256).toWellFormed())
  return writer.finish()
}

export function decodeGoodbye(bytes: Uint8Array): Goodbye | null {
  const reader = new ByteReader(bytes)
  const code = reader.text(nameBytesMax)
  const message = reader.text(1_024)
  return reader.failed ? null : { code, message }
}

export function sessionIdFromBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

function sessionIdToBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(sessionIdBytes)
  for (let at = 0; at < sessionIdBytes; at++) {
    bytes[at] = Number.parseInt(id.slice(2 * at, 2 * at + 2), 16)
  }
  return bytes
}
