import { describe, expect, it } from 'vitest'
import { decodePacket, PacketWriter } from '../../src/wire/packet-codec.ts'
import { goldenPackets } from './golden-packets.ts'

/** Bytes of version 1, as they were when it was made: a change of them needs a new version. */
const golden: readonly string[] = [
  '01804433221188776655026e30bebafecaac02026e31efbeadde09026e316745230103040902ddccbbaa01000000',
  '01814433221188776655026e30bebafecaac020100000008646300a4139f9c010000c80119dc0b11026e3167452301030409',
  '01814433221188776655026e30bebafeca010100000000',
  '01824433221188776655026e30bebafeca07',
  '01834433221188776655026e30bebafeca07026e310831302e302e302e31391b',
  '01844433221188776655026e30bebafeca07026e3167452301',
  '01854433221188776655026e30bebafeca02026e31674523010a0c0100020161016203026e316745230105066465706c6f79020908',
  '01864433221188776655026e30bebafeca010220026e310123456789abcdef0123456789abcdef03ac020102010831302e302e302e31391b3a1b0907030002047a6f6e65056e6f7274680103066f72646572738002047261636b020102',
  '01874433221188776655026e30bebafeca010202000000',
  '01884433221188776655026e30bebafeca010102026e6f',
  '01894433221188776655026e30bebafeca030000000101000000ffffffff',
  '018a4433221188776655026e30bebafeca040200030f11026e3167452301030409',
  '018b4433221188776655026e30bebafeca04026e310004026e3107',
  '018b4433221188776655026e30bebafeca51026e3167452301030409',
]

describe('the bytes of version 1', () => {
  it.each(goldenPackets.map((packet, at) => ({ kind: packet.body.kind, packet, at })))(
    'of a packet of kind $kind stay as they are',
    ({ packet, at }) => {
      const writer = new PacketWriter()
      writer.start(packet.header, packet.body)
      for (const statement of packet.statements) expect(writer.add(statement)).toBe(true)
      const bytes = writer.finish()
      expect(Buffer.from(bytes).toString('hex')).toBe(golden[at])
      const known = Uint8Array.from(Buffer.from(golden[at] ?? '', 'hex'))
      expect(decodePacket(known, { min: 1, max: 1 })).toEqual(packet)
    },
  )

  it('cut short anywhere are malformed or fewer statements, never anything else', () => {
    for (const [at, text] of golden.entries()) {
      const bytes = Uint8Array.from(Buffer.from(text, 'hex'))
      for (let length = 0; length < bytes.length; length += 1) {
        const decoded = decodePacket(bytes.subarray(0, length), { min: 1, max: 1 })
        if ('problem' in decoded) expect(decoded.problem).toBe('malformed')
        else expect(decoded.body).toEqual(goldenPackets[at]?.body)
      }
    }
  })
})
