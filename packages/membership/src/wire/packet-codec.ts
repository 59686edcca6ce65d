import { ByteReader, ByteWriter, isNodeId, unreachable } from '@nodosum/kernel'
import { readCoordinate, writeCoordinate } from './coordinate-codec.ts'
import { packetBytesMax, wireLimits } from './limits.ts'
import type {
  Packet,
  PacketBody,
  PacketHeader,
  PacketKind,
  PacketProblem,
  RefusalCode,
} from './packet.ts'
import { readRecurringText } from './recurring-text.ts'
import type { Statement } from './statement.ts'
import { decodeStatement, viewOfStatement } from './statement-codec.ts'

const kinds: readonly PacketKind[] = [
  'ping',
  'ack',
  'nack',
  'pingRequest',
  'indirectAck',
  'gossip',
  'join',
  'welcome',
  'refusal',
  'digest',
  'summary',
  'repair',
]
/** Their layout is the same in every version, so that versions can be told. */
const timelessKinds: ReadonlySet<PacketKind> = new Set(['join', 'welcome', 'refusal'])
const refusals: readonly RefusalCode[] = ['version', 'admission', 'full']
const formedBit = 0x80
const bucketsLog2Max = 8

/** Fills packets one after another; made once for each sender. */
export class PacketWriter {
  readonly #writer = new ByteWriter({ initialBytes: packetBytesMax })

  /** Starts a packet; statements follow with `add` until it says no. */
  start(header: PacketHeader, body: PacketBody): void {
    const writer = this.#writer
    writer.reset()
    writer.u8(header.version)
    writer.u8(kinds.indexOf(body.kind) | (header.formed ? formedBit : 0))
    writer.u32(header.clusterHigh)
    writer.u32(header.clusterLow)
    writer.text(header.from)
    writer.u32(header.fromBootTag)
    writeBody(writer, body)
  }

  /** Bytes that are left for statements. */
  get room(): number {
    return packetBytesMax - this.#writer.length
  }

  /** False when the statement does not fit any more. */
  add(statement: Statement | Uint8Array): boolean {
    const bytes = statement instanceof Uint8Array ? statement : viewOfStatement(statement)
    if (bytes.length > this.room) return false
    this.#writer.bytes(bytes)
    return true
  }

  finish(): Uint8Array {
    return this.#writer.finish()
  }
}

function writeBody(writer: ByteWriter, body: PacketBody): void {
  switch (body.kind) {
    case 'ping':
      writer.varint(body.probe)
      writer.text(body.target)
      return writer.u32(body.root)
    case 'ack':
      writer.varint(body.probe)
      writer.u32(body.root)
      return writeCoordinate(writer, body.coordinate)
    case 'nack':
      return writer.varint(body.probe)
    case 'pingRequest':
      writer.varint(body.probe)
      writer.text(body.target)
      writer.text(body.host)
      return writer.u16(body.port)
    case 'indirectAck':
      writer.varint(body.probe)
      writer.text(body.target)
      return writer.u32(body.bootTag)
    case 'gossip':
    case 'repair':
      return
    case 'join':
      writer.u8(body.protocol.min)
      return writer.u8(body.protocol.max)
    case 'welcome':
      writer.u8(body.protocol.min)
      writer.u8(body.protocol.max)
      return writer.u32(body.root)
    case 'refusal':
      writer.u8(refusals.indexOf(body.code))
      writer.u8(body.protocol.min)
      writer.u8(body.protocol.max)
      return writer.text(body.reason)
    case 'digest':
      writer.u32(body.root)
      writer.u8(Math.log2(body.buckets.length))
      for (const bucket of body.buckets) writer.u32(bucket)
      return
    case 'summary':
      writer.u8(Math.log2(body.bucketCount))
      writer.u8(body.buckets.length - 1)
      for (const bucket of body.buckets) writer.u8(bucket)
      return
    default:
      unreachable(body)
  }
}

/**
 * Never throws; whatever arrives gives a packet or says what is wrong.
 *
 * @param spoken the versions that are understood; of others only joins and refusals are
 */
export function decodePacket(
  bytes: Uint8Array,
  spoken: { readonly min: number; readonly max: number },
): Packet | PacketProblem {
  if (bytes.length > packetBytesMax) return malformed('size')
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  const kindBits = reader.u8()
  const kind = kinds[kindBits & ~formedBit]
  if (reader.failed) return malformed('header')
  if (version < spoken.min || version > spoken.max) {
    const isTimeless = kind !== undefined && timelessKinds.has(kind) && version > 0
    if (!isTimeless) return { problem: 'version', where: String(version) }
  }
  if (kind === undefined) return malformed('kind')
  const clusterHigh = reader.u32()
  const clusterLow = reader.u32()
  const from = readRecurringText(reader, 64)
  const fromBootTag = reader.u32()
  if (reader.failed || !isNodeId(from)) return malformed('header')
  const formed = (kindBits & formedBit) !== 0
  const header = { version, clusterHigh, clusterLow, from, fromBootTag, formed }
  const body = readBody(reader, kind)
  if (body === undefined || reader.failed) return malformed(kind)
  const statements: Statement[] = []
  while (reader.remaining > 0) {
    const statement = decodeStatement(reader)
    if (statement === undefined || statements.length >= wireLimits.statements) {
      return malformed('statement')
    }
    statements.push(statement)
  }
  return { header, body, statements }
}

function malformed(where: string): PacketProblem {
  return { problem: 'malformed', where }
}

function readBody(reader: ByteReader, kind: PacketKind): PacketBody | undefined {
  switch (kind) {
    case 'ping':
      return {
        kind,
        probe: reader.varint(),
        target: readRecurringText(reader, 64),
        root: reader.u32(),
      }
    case 'ack': {
      const [probe, root] = [reader.varint(), reader.u32()]
      const coordinate = readCoordinate(reader)
      return coordinate === undefined ? undefined : { kind, probe, root, coordinate }
    }
    case 'nack':
      return { kind, probe: reader.varint() }
    case 'pingRequest': {
      const [probe, target] = [reader.varint(), readRecurringText(reader, 64)]
      return { kind, probe, target, host: reader.text(wireLimits.hostBytes), port: reader.u16() }
    }
    case 'indirectAck':
      return {
        kind,
        probe: reader.varint(),
        target: readRecurringText(reader, 64),
        bootTag: reader.u32(),
      }
    case 'gossip':
    case 'repair':
      return { kind }
    case 'join':
      return withProtocol(reader, (protocol) => ({ kind, protocol }))
    case 'welcome':
      return withProtocol(reader, (protocol) => ({ kind, protocol, root: reader.u32() }))
    case 'refusal': {
      const code = refusals[reader.u8()]
      if (code === undefined) return undefined
      return withProtocol(reader, (protocol) => {
        return { kind, code, protocol, reason: reader.text(wireLimits.reasonBytes) }
      })
    }
    case 'digest':
      return readDigest(reader)
    case 'summary':
      return readSummary(reader)
    default:
      return unreachable(kind)
  }
}

function withProtocol(
  reader: ByteReader,
  make: (protocol: { min: number; max: number }) => PacketBody,
): PacketBody | undefined {
  const [min, max] = [reader.u8(), reader.u8()]
  return min > max ? undefined : make({ min, max })
}

function readDigest(reader: ByteReader): PacketBody | undefined {
  const root = reader.u32()
  const log2 = reader.u8()
  if (log2 > bucketsLog2Max || reader.remaining < 4 * 2 ** log2) return undefined
  const buckets = new Uint32Array(2 ** log2)
  for (let at = 0; at < buckets.length; at += 1) buckets[at] = reader.u32()
  return { kind: 'digest', root, buckets }
}

function readSummary(reader: ByteReader): PacketBody | undefined {
  const log2 = reader.u8()
  const count = reader.u8() + 1
  if (log2 > bucketsLog2Max || count > 2 ** log2) return undefined
  const buckets: number[] = []
  for (let at = 0; at < count; at += 1) {
    const bucket = reader.u8()
    // Rising, so that none is there twice.
    if (bucket >= 2 ** log2 || bucket <= (buckets.at(-1) ?? -1)) return undefined
    buckets.push(bucket)
  }
  return { kind: 'summary', bucketCount: 2 ** log2, buckets }
}
