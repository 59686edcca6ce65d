import { type BootId, bootIdFromBytes, isNodeId, type NodeId } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packetBytesMax, wireLimits } from '../../src/wire/limits.ts'
import type { Packet, PacketBody, PacketHeader } from '../../src/wire/packet.ts'
import { decodePacket, PacketWriter } from '../../src/wire/packet-codec.ts'
import type { MetadataRun, RecordStatement, Statement } from '../../src/wire/statement.ts'
import { encodeStatement, splitRun } from '../../src/wire/statement-codec.ts'

const spoken = { min: 1, max: 1 }
const nodeId: fc.Arbitrary<NodeId> = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter(isNodeId)
const text = fc.string({ maxLength: 20, unit: 'grapheme' })
const port = fc.nat(65_535)
const u32 = fc.nat(0xffffffff)
const counter = fc.nat(wireLimits.incarnation - 1)
const bootId: fc.Arbitrary<BootId> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map(bootIdFromBytes)
const state = fc.constantFrom('alive', 'suspect', 'failed', 'left', 'draining' as const)

const steps = fc.array(
  fc.record({
    step: fc.integer({ min: 1, max: 1_000 }),
    kind: fc.constantFrom('tag', 'application'),
    key: text,
    value: fc.option(text),
  }),
  { maxLength: 8 },
)

function runOf(
  from: number,
  changes: typeof steps extends fc.Arbitrary<infer T> ? T : never,
): MetadataRun {
  let version = from
  const entries = changes.map(({ step, kind, key, value }) => {
    version += step
    const kept = value === null ? null : kind === 'tag' ? value : ''
    return { kind: kind as 'tag' | 'application', key, value: kept, version }
  })
  return { from, to: version, entries }
}

const record: fc.Arbitrary<RecordStatement> = fc
  .record({
    nodeId,
    bootId,
    epoch: counter,
    counter,
    state,
    changes: steps,
    ahead: fc.nat(10),
    addresses: fc.array(fc.record({ host: text, udpPort: port, tcpPort: port }), { maxLength: 4 }),
    extension: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ changes, ahead, ...rest }) => {
    const metadata = runOf(0, changes)
    const protocol = { min: 1, max: 3 }
    return { kind: 'record', ...rest, protocol, metadata, metadataVersion: metadata.to + ahead }
  })

const statement: fc.Arbitrary<Statement> = fc.oneof(
  record,
  fc
    .record({
      nodeId,
      bootTag: u32,
      epoch: counter,
      counter,
      state,
      metadataVersion: fc.maxSafeNat(),
      accusers: fc.array(u32, { maxLength: 4 }),
      isDeaf: fc.boolean(),
    })
    .map((said): Statement => {
      const accusers = said.state === 'suspect' ? said.accusers : []
      return { kind: 'state', ...said, accusers, isDeaf: said.isDeaf && said.state === 'failed' }
    }),
  fc
    .record({ nodeId, bootTag: u32, from: fc.nat(1_000), changes: steps })
    .map(({ changes, from, ...said }): Statement => {
      return { kind: 'metadata', ...said, ...runOf(from, changes) }
    }),
  fc
    .record({
      nodeId,
      bootTag: u32,
      sequence: fc.integer({ min: 1, max: 1_000 }),
      name: text,
      payload: fc.uint8Array({ maxLength: 60 }),
    })
    .map((said): Statement => ({ kind: 'event', ...said })),
  fc
    .record({ nodeId, metadataAfter: fc.option(fc.nat()) })
    .map((said): Statement => ({ kind: 'need', ...said })),
)

const protocol = fc.constantFrom({ min: 1, max: 1 }, { min: 2, max: 7 })
const hundredths = fc.integer({ min: -50_000, max: 50_000 }).map((value) => value / 100)
const coordinate = fc.record({
  position: fc.array(hundredths, { minLength: 8, maxLength: 8 }),
  height: fc.integer({ min: 0, max: 50_000 }).map((value) => value / 100),
  error: fc.integer({ min: 0, max: 1_500 }).map((value) => value / 1_000),
})
const buckets = fc
  .nat(8)
  .chain((log2) =>
    fc
      .array(u32, { minLength: 2 ** log2, maxLength: 2 ** log2 })
      .map((all) => Uint32Array.from(all)),
  )

const body: fc.Arbitrary<PacketBody> = fc.oneof(
  fc.record({ kind: fc.constant('ping' as const), probe: fc.nat(), target: nodeId, root: u32 }),
  fc.record({
    kind: fc.constant('ack' as const),
    probe: fc.nat(),
    root: u32,
    coordinate: fc.option(coordinate),
  }),
  fc.record({ kind: fc.constant('nack' as const), probe: fc.nat() }),
  fc.record({
    kind: fc.constant('pingRequest' as const),
    probe: fc.nat(),
    target: nodeId,
    host: text,
    port,
  }),
  fc.record({
    kind: fc.constant('indirectAck' as const),
    probe: fc.nat(),
    target: nodeId,
    bootTag: u32,
  }),
  fc.record({ kind: fc.constantFrom('gossip' as const, 'repair' as const) }),
  fc.record({ kind: fc.constant('join' as const), protocol }),
  fc.record({ kind: fc.constant('welcome' as const), protocol, root: u32 }),
  fc.record({
    kind: fc.constant('refusal' as const),
    code: fc.constantFrom('version', 'admission', 'full'),
    protocol,
    reason: text,
  }),
  fc.record({ kind: fc.constant('digest' as const), root: u32, buckets }),
  fc.record({
    kind: fc.constant('summary' as const),
    bucketCount: fc.constant(256),
    buckets: fc
      .uniqueArray(fc.nat(255), { minLength: 1, maxLength: 20 })
      .map((all) => all.sort((a, b) => a - b)),
  }),
)

const header: fc.Arbitrary<PacketHeader> = fc.record({
  version: fc.constant(1),
  clusterHigh: u32,
  clusterLow: u32,
  from: nodeId,
  fromBootTag: u32,
  formed: fc.boolean(),
})

function build(packet: Packet): { bytes: Uint8Array; taken: number } {
  const writer = new PacketWriter()
  writer.start(packet.header, packet.body)
  let taken = 0
  for (const each of packet.statements) {
    if (!writer.add(encodeStatement(each))) break
    taken += 1
  }
  return { bytes: writer.finish(), taken }
}

const packet: fc.Arbitrary<Packet> = fc.record({
  header,
  body,
  statements: fc.array(statement, { maxLength: 6 }),
})

describe('a membership packet', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(packet, (given) => {
        const { bytes, taken } = build(given)
        const statements = given.statements.slice(0, taken)
        expect(decodePacket(bytes, spoken)).toEqual({ ...given, statements })
      }),
      { numRuns: 500 },
    )
  })

  it('has one form: what decodes is encoded to the same bytes again', () => {
    fc.assert(
      fc.property(packet, fc.nat(), fc.nat(255), (given, at, byte) => {
        const { bytes } = build(given)
        bytes[at % bytes.length] = byte
        const decoded = decodePacket(bytes, spoken)
        if (!('problem' in decoded)) expect(build(decoded).bytes).toEqual(bytes)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each<Statement>([
    { kind: 'need', nodeId: 'a' as NodeId, metadataAfter: null },
    { kind: 'metadata', nodeId: 'a' as NodeId, bootTag: 1, from: 0, to: 0, entries: [] },
    {
      kind: 'event',
      nodeId: 'a' as NodeId,
      bootTag: 1,
      sequence: 1,
      name: 'e',
      payload: new Uint8Array(0),
    },
  ])('has no state in a statement that carries none: $kind', (given) => {
    const [start] = fc.sample(header, 1) as [PacketHeader]
    const body = { kind: 'gossip' } as const
    const { bytes } = build({ header: start, body, statements: [given] })
    const tagAt = bytes.length - encodeStatement(given).length
    expect(decodePacket(bytes, spoken)).toEqual({ header: start, body, statements: [given] })
    for (let state = 1; state < 5; state += 1) {
      const other = bytes.slice()
      other[tagAt] = (bytes[tagAt] as number) | (state << 3)
      expect(decodePacket(other, spoken)).toEqual({ problem: 'malformed', where: 'statement' })
    }
  })

  it('stays below its limit, and says when a statement does not fit', () => {
    fc.assert(
      fc.property(header, fc.array(record, { minLength: 60, maxLength: 80 }), (start, records) => {
        const given = { header: start, body: { kind: 'gossip' } as const, statements: records }
        const { bytes, taken } = build(given)
        expect(bytes.length).toBeLessThanOrEqual(packetBytesMax)
        expect(taken).toBeLessThan(records.length)
      }),
      { numRuns: 20 },
    )
  })

  it('never throws, whatever arrives: the answer says what is wrong', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_200 }), (bytes) => {
        bytes[0] = 1
        const decoded = decodePacket(bytes, spoken)
        if ('problem' in decoded) {
          expect(['malformed', 'version']).toContain(decoded.problem)
          expect(decoded.where).not.toBe('')
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it('never throws when a good one was cut, lengthened or changed', () => {
    fc.assert(
      fc.property(
        packet,
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        (given, cut, changes) => {
          const { bytes } = build(given)
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte
          const decoded = decodePacket(bytes.subarray(0, cut % (bytes.length + 1)), spoken)
          if (!('problem' in decoded)) {
            expect(decoded.statements.length).toBeLessThanOrEqual(wireLimits.statements)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('of another version is told apart from rubbish, and only joining is understood', () => {
    const writer = new PacketWriter()
    const start: PacketHeader = {
      version: 9,
      clusterHigh: 1,
      clusterLow: 2,
      from: 'a' as NodeId,
      fromBootTag: 3,
      formed: false,
    }
    writer.start(start, { kind: 'gossip' })
    expect(decodePacket(writer.finish(), spoken)).toEqual({ problem: 'version', where: '9' })
    writer.start(start, { kind: 'join', protocol: { min: 9, max: 9 } })
    expect(decodePacket(writer.finish(), spoken)).toHaveProperty('body.protocol.min', 9)
    expect(decodePacket(new Uint8Array(0), spoken)).toEqual({
      problem: 'malformed',
      where: 'header',
    })
    expect(decodePacket(Uint8Array.of(1, 99), spoken)).toEqual({
      problem: 'malformed',
      where: 'kind',
    })
    const long = new Uint8Array(packetBytesMax + 1)
    expect(decodePacket(long, spoken)).toEqual({ problem: 'malformed', where: 'size' })
  })

  it('with an incarnation that no node gets to is malformed', () => {
    const said = {
      kind: 'state',
      nodeId: 'a' as NodeId,
      bootTag: 1,
      epoch: 1,
      counter: 2 ** 40,
      state: 'alive',
      metadataVersion: 0,
      accusers: [],
      isDeaf: false,
    } as const
    const start: PacketHeader = {
      version: 1,
      clusterHigh: 1,
      clusterLow: 2,
      from: 'a' as NodeId,
      fromBootTag: 3,
      formed: false,
    }
    const { bytes } = build({ header: start, body: { kind: 'gossip' }, statements: [said] })
    expect(decodePacket(bytes, spoken)).toEqual({ problem: 'malformed', where: 'statement' })
  })
})

describe('a statement that says of somebody that it is deaf', () => {
  it.each([
    ['the death of a member', 0x11, 'statements'],
    ['a living member', 0x01, 'problem'],
    ['a member that has left', 0x19, 'problem'],
    ['an event', 0x03, 'problem'],
  ])('is taken for what it says only of a death: of %s', (_, first, field) => {
    const header = '01854433221188776655026e30bebafeca'
    const state = `${(first | 0x40).toString(16)}026e3167452301030409`
    expect(
      decodePacket(Uint8Array.from(Buffer.from(header + state, 'hex')), spoken),
    ).toHaveProperty(field)
  })
})

describe('a long run of metadata', () => {
  it('is split into parts that follow each other and each fit into a packet', () => {
    const entries = Array.from({ length: 200 }, (_, index) => {
      return {
        kind: 'tag' as const,
        key: `key-${index}`,
        value: 'ä'.repeat(60),
        version: index + 1,
      }
    })
    const parts = splitRun({ from: 0, to: 200, entries })
    expect(parts.flatMap((part) => part.entries)).toEqual(entries)
    let reached = 0
    for (const part of parts) {
      expect(part.from).toBe(reached)
      reached = part.to
      const said = { kind: 'metadata', nodeId: 'a' as NodeId, bootTag: 1, ...part } as const
      expect(encodeStatement(said).length).toBeLessThan(1_000)
    }
    expect(reached).toBe(200)
  })
})
