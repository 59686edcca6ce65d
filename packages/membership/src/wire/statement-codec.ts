import {
  type ByteReader,
  ByteWriter,
  bootIdToBytes,
  isNodeId,
  type NodeId,
  unreachable,
} from '@nodosum/kernel'
import type { MemberAddress, MemberState } from '../core/member.ts'
import { packetBytesMax, wireLimits } from './limits.ts'
import { readBootId, readRecurringText } from './recurring-text.ts'
import type {
  EventStatement,
  MetadataEntry,
  MetadataRun,
  MetadataStatement,
  NeedStatement,
  RecordStatement,
  Statement,
  StateStatement,
} from './statement.ts'

const kinds = ['record', 'state', 'metadata', 'event', 'need'] as const
const states: readonly MemberState[] = ['alive', 'suspect', 'failed', 'left', 'draining']
const deafBit = 0x40
const removedBit = 0x80
/** Leaves room for a packet's header and body. */
const partBytesMax = 900

const scratch = new ByteWriter({ initialBytes: packetBytesMax })

/** The bytes of one statement, newly allocated. */
export function encodeStatement(statement: Statement): Uint8Array {
  return viewOfStatement(statement).slice()
}

/** The bytes of one statement, until the next one is encoded. */
export function viewOfStatement(statement: Statement): Uint8Array {
  const writer = scratch
  writer.reset()
  const state = 'state' in statement ? states.indexOf(statement.state) : 0
  const deaf = statement.kind === 'state' && statement.isDeaf ? deafBit : 0
  writer.u8(kinds.indexOf(statement.kind) | (state << 3) | deaf)
  writer.text(statement.nodeId)
  switch (statement.kind) {
    case 'record':
      writeRecord(writer, statement)
      break
    case 'state':
      writer.u32(statement.bootTag)
      writer.varint(statement.epoch)
      writer.varint(statement.counter)
      writer.varint(statement.metadataVersion)
      if (statement.state === 'suspect') {
        writer.u8(statement.accusers.length)
        for (const accuser of statement.accusers) writer.u32(accuser)
      }
      break
    case 'metadata':
      writer.u32(statement.bootTag)
      writer.varint(statement.from)
      writer.varint(statement.to)
      writeEntries(writer, statement)
      break
    case 'event':
      writer.u32(statement.bootTag)
      writer.varint(statement.sequence)
      writer.text(statement.name)
      writer.varint(statement.payload.length)
      writer.bytes(statement.payload)
      break
    case 'need':
      writer.varint(statement.metadataAfter === null ? 0 : statement.metadataAfter + 1)
      break
    default:
      unreachable(statement)
  }
  return writer.view()
}

/** As much of the changes, oldest first, as fits into so many bytes. */
export function cutRun(run: MetadataRun, bytesMax: number): MetadataRun {
  const entries: MetadataEntry[] = []
  let bytes = 0
  for (const entry of run.entries) {
    // The longest key and value are 256 characters of up to three bytes; this estimate is an upper bound.
    bytes += 12 + utf8Bound(entry.key) + utf8Bound(entry.value ?? '')
    if (bytes > bytesMax) {
      return { from: run.from, to: entries.at(-1)?.version ?? run.from, entries }
    }
    entries.push(entry)
  }
  return run
}

/** The changes in parts that each fit into a packet. */
export function splitRun(run: MetadataRun): MetadataRun[] {
  const parts: MetadataRun[] = []
  let rest = run
  for (;;) {
    const part = cutRun(rest, partBytesMax)
    parts.push(part)
    if (part === rest) return parts
    const entries = rest.entries.slice(part.entries.length)
    rest = { from: part.to, to: run.to, entries }
  }
}

function utf8Bound(text: string): number {
  return text.length <= 64 && /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : Math.min(256, text.length * 3)
}

/** Reads one statement; undefined when it is none. */
export function decodeStatement(reader: ByteReader): Statement | undefined {
  const tag = reader.u8()
  const kind = kinds[tag & 0x07]
  const isDeaf = (tag & deafBit) !== 0
  const state = states[(tag & ~deafBit) >> 3]
  const nodeId = readRecurringText(reader, 64)
  if (!isNodeId(nodeId) || state === undefined || kind === undefined) return undefined
  // What has no state carries zeros in its place, so that no two forms mean the same.
  if (!isStateful(kind) && tag >> 3 !== 0) return undefined
  if (isDeaf && (kind !== 'state' || state !== 'failed')) return undefined
  const statement = decodeKind(reader, kind, nodeId, state, isDeaf)
  return reader.failed ? undefined : statement
}

function isStateful(kind: Statement['kind']): boolean {
  return kind === 'record' || kind === 'state'
}

function decodeKind(
  reader: ByteReader,
  kind: Statement['kind'],
  nodeId: NodeId,
  state: MemberState,
  isDeaf: boolean,
): Statement | undefined {
  switch (kind) {
    case 'record':
      return readRecord(reader, nodeId, state)
    case 'state':
      return readState(reader, nodeId, state, isDeaf)
    case 'metadata':
      return readMetadata(reader, nodeId)
    case 'event':
      return readEvent(reader, nodeId)
    case 'need':
      return readNeed(reader, nodeId)
    default:
      return unreachable(kind)
  }
}

function writeRecord(writer: ByteWriter, record: RecordStatement): void {
  writer.bytes(bootIdToBytes(record.bootId))
  writer.varint(record.epoch)
  writer.varint(record.counter)
  writer.u8(record.protocol.min)
  writer.u8(record.protocol.max)
  writer.u8(record.addresses.length)
  for (const address of record.addresses) {
    writer.text(address.host)
    writer.u16(address.udpPort)
    writer.u16(address.tcpPort)
  }
  writer.varint(record.metadataVersion)
  writer.varint(record.metadata.to)
  writeEntries(writer, record.metadata)
  writer.varint(record.extension.length)
  writer.bytes(record.extension)
}

function writeEntries(writer: ByteWriter, run: MetadataRun): void {
  writer.varint(run.entries.length)
  let before = run.from
  for (const { kind, key, value, version } of run.entries) {
    writer.u8((kind === 'tag' ? 0 : 1) | (value === null ? removedBit : 0))
    writer.varint(version - before)
    writer.text(key)
    if (kind === 'tag' && value !== null) writer.text(value)
    before = version
  }
}

function readRecord(
  reader: ByteReader,
  nodeId: NodeId,
  state: MemberState,
): RecordStatement | undefined {
  const bootId = readBootId(reader)
  const epoch = reader.varint()
  const counter = reader.varint()
  const protocol = { min: reader.u8(), max: reader.u8() }
  const count = reader.u8()
  if (bootId === '' || reader.failed) return undefined
  if (count > wireLimits.addresses || protocol.min > protocol.max) return undefined
  if (epoch > wireLimits.incarnation || counter > wireLimits.incarnation) return undefined
  const addresses: MemberAddress[] = []
  for (let at = 0; at < count; at += 1) {
    const host = readRecurringText(reader, wireLimits.hostBytes)
    addresses.push({ host, udpPort: reader.u16(), tcpPort: reader.u16() })
  }
  const metadataVersion = reader.varint()
  const metadata = readRun(reader, 0)
  const extensionBytes = reader.varint()
  if (metadata === undefined || metadata.to > metadataVersion) return undefined
  if (extensionBytes > wireLimits.extensionBytes) return undefined
  const extension = extensionBytes === 0 ? nothing : reader.copy(extensionBytes)
  if (reader.failed) return undefined
  return {
    kind: 'record',
    nodeId,
    bootId,
    epoch,
    counter,
    state,
    protocol,
    addresses,
    metadataVersion,
    metadata,
    extension,
  }
}

const nothing = new Uint8Array(0)
const noEntries: readonly MetadataEntry[] = []
const noAccusers: readonly number[] = []

/** Reads `to` and the entries after it, whose versions rise and stay within the run. */
function readRun(reader: ByteReader, from: number): MetadataRun | undefined {
  const to = reader.varint()
  const count = reader.varint()
  if (count > wireLimits.metadataEntries || to < from) return undefined
  if (count === 0) return { from, to, entries: noEntries }
  const entries: MetadataEntry[] = []
  let version = from
  for (let at = 0; at < count; at += 1) {
    const bits = reader.u8()
    const step = reader.varint()
    version += step
    if (reader.failed || step === 0 || version > to || (bits & ~removedBit) > 1) return undefined
    const kind = (bits & 1) === 0 ? 'tag' : 'application'
    const key = readRecurringText(reader, wireLimits.textBytes)
    const isRemoved = (bits & removedBit) !== 0
    const value = isRemoved ? null : kind === 'tag' ? reader.text(wireLimits.textBytes) : ''
    entries.push({ kind, key, value, version })
  }
  return { from, to, entries }
}

function readState(
  reader: ByteReader,
  nodeId: NodeId,
  state: MemberState,
  isDeaf: boolean,
): StateStatement | undefined {
  const bootTag = reader.u32()
  const epoch = reader.varint()
  const counter = reader.varint()
  const metadataVersion = reader.varint()
  if (epoch > wireLimits.incarnation || counter > wireLimits.incarnation) return undefined
  let accusers = noAccusers
  if (state === 'suspect') {
    const count = reader.u8()
    if (count > wireLimits.accusers) return undefined
    accusers = Array.from({ length: count }, () => reader.u32())
  }
  const standing = { bootTag, epoch, counter, state }
  return { kind: 'state', nodeId, ...standing, metadataVersion, accusers, isDeaf }
}

function readMetadata(reader: ByteReader, nodeId: NodeId): MetadataStatement | undefined {
  const bootTag = reader.u32()
  const from = reader.varint()
  const run = readRun(reader, from)
  return run === undefined ? undefined : { kind: 'metadata', nodeId, bootTag, ...run }
}

function readEvent(reader: ByteReader, nodeId: NodeId): EventStatement | undefined {
  const bootTag = reader.u32()
  const sequence = reader.varint()
  const name = reader.text(wireLimits.eventNameBytes)
  const length = reader.varint()
  if (length > wireLimits.eventPayloadBytes || sequence === 0) return undefined
  const payload = reader.copy(length)
  return { kind: 'event', nodeId, bootTag, sequence, name, payload }
}

function readNeed(reader: ByteReader, nodeId: NodeId): NeedStatement {
  const after = reader.varint()
  return { kind: 'need', nodeId, metadataAfter: after === 0 ? null : after - 1 }
}
