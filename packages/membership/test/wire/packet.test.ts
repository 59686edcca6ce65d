import { isNodeId, type NodeId, newBootId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Member } from '../../src/core/member.ts'
import {
  decodePacket,
  encodeRecord,
  type Packet,
  PacketBuilder,
  packetBytesMax,
} from '../../src/wire/packet.ts'

const random = seededRandom('packets')
const nodeId: fc.Arbitrary<NodeId> = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter(isNodeId)
const text = fc.string({ maxLength: 20, unit: 'binary' })
const port = fc.nat(65_535)
const bootId = fc.constant(null).map(() => newBootId(random))

const record: fc.Arbitrary<Member> = fc.record({
  nodeId,
  bootId,
  incarnation: fc.record({ epoch: fc.maxSafeNat(), counter: fc.maxSafeNat() }),
  addresses: fc.array(fc.record({ host: text, udpPort: port, tcpPort: port }), { maxLength: 4 }),
  state: fc.constantFrom('alive', 'suspect', 'failed', 'left', 'draining'),
  tags: fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: false }),
  applications: fc.array(text, { maxLength: 5 }),
  formed: fc.boolean(),
})

const header: fc.Arbitrary<Omit<Packet, 'records'>> = fc.record({
  kind: fc.constantFrom('ping', 'ack', 'pingRequest', 'sync', 'gossip'),
  cluster: nodeId as fc.Arbitrary<string>,
  probe: fc.maxSafeNat(),
  from: nodeId,
  fromBoot: bootId,
  target: nodeId as fc.Arbitrary<string>,
  targetAddress: fc.option(fc.record({ host: text.filter((host) => host !== ''), port })),
})

function build(packet: Omit<Packet, 'records'>, records: readonly Member[]): Uint8Array {
  const builder = new PacketBuilder(packet)
  for (const one of records) builder.addRecord(encodeRecord(one))
  return builder.finish()
}

describe('a membership packet', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(header, fc.array(record, { maxLength: 3 }), (packet, records) => {
        const decoded = decodePacket(build(packet, records)) as Packet
        const taken = records.slice(0, decoded.records.length)
        expect({ ...decoded, records: [] }).toEqual({ ...packet, records: [] })
        expect(JSON.stringify(decoded.records)).toBe(JSON.stringify(taken))
      }),
    )
  })

  it('stays below its limit, and says when a record does not fit', () => {
    fc.assert(
      fc.property(header, fc.array(record, { minLength: 20, maxLength: 60 }), (packet, records) => {
        const builder = new PacketBuilder(packet)
        const taken = records.filter((one) => builder.addRecord(encodeRecord(one)))
        expect(builder.finish().length).toBeLessThanOrEqual(packetBytesMax)
        expect(builder.records).toBe(taken.length)
        expect(taken.length).toBeLessThan(records.length)
      }),
    )
  })

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decodePacket(bytes)
        if (typeof decoded === 'string') expect(['malformed', 'version']).toContain(decoded)
      }),
      { numRuns: 5_000 },
    )
  })

  it('never throws when a good one was cut or changed', () => {
    fc.assert(
      fc.property(header, record, fc.nat(), fc.nat(), fc.nat(255), (packet, one, cut, at, byte) => {
        const bytes = build(packet, [one])
        const cutOff = bytes.subarray(0, cut % bytes.length)
        if (cutOff.length < bytes.length - 1) decodePacket(cutOff)
        bytes[at % bytes.length] = byte
        const decoded = decodePacket(bytes)
        if (typeof decoded !== 'string') expect(decoded.records.length).toBeLessThan(600)
      }),
      { numRuns: 3_000 },
    )
  })

  it('of another version is told apart from rubbish', () => {
    expect(decodePacket(Uint8Array.of(2, 0, 0))).toBe('version')
    expect(decodePacket(new Uint8Array(0))).toBe('malformed')
    expect(decodePacket(Uint8Array.of(1, 99))).toBe('malformed')
  })

  it('with more addresses, tags or applications than allowed is malformed', () => {
    const one: Member = {
      nodeId: 'a' as NodeId,
      bootId: newBootId(random),
      incarnation: { epoch: 1, counter: 1 },
      addresses: Array.from({ length: 5 }, () => ({ host: 'a', udpPort: 1, tcpPort: 1 })),
      state: 'alive',
      tags: {},
      applications: [],
      formed: true,
    }
    const packet: Omit<Packet, 'records'> = {
      kind: 'gossip',
      cluster: 'c',
      probe: 0,
      from: one.nodeId,
      fromBoot: one.bootId,
      target: '',
      targetAddress: null,
    }
    expect(decodePacket(build(packet, [one]))).toBe('malformed')
    const tags = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`t${index}`, '']))
    expect(decodePacket(build(packet, [{ ...one, addresses: [], tags }]))).toBe('malformed')
    const applications = Array.from({ length: 257 }, (_, index) => `a${index}`)
    const many = { ...one, addresses: [], applications }
    expect(decodePacket(build(packet, [many]))).toBe('malformed')
    const most = { ...one, addresses: [], applications: applications.slice(1) }
    expect(decodePacket(build(packet, [most]))).not.toBe('malformed')
  })
})
