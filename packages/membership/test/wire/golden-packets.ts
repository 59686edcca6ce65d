import type { BootId, NodeId } from '@nodosum/kernel'
import type { Packet, PacketBody } from '../../src/wire/packet.ts'
import type { Statement } from '../../src/wire/statement.ts'

const nodeId = 'n1' as NodeId
const bootTag = 0x01234567
const protocol = { min: 1, max: 2 }

const record: Statement = {
  kind: 'record',
  nodeId,
  bootId: '0123456789abcdef0123456789abcdef' as BootId,
  epoch: 3,
  counter: 300,
  state: 'draining',
  protocol,
  addresses: [{ host: '10.0.0.1', udpPort: 6_969, tcpPort: 6_970 }],
  metadataVersion: 9,
  metadata: {
    from: 0,
    to: 7,
    entries: [
      { kind: 'tag', key: 'zone', value: 'north', version: 2 },
      { kind: 'application', key: 'orders', value: '', version: 5 },
      { kind: 'tag', key: 'rack', value: null, version: 7 },
    ],
  },
  extension: Uint8Array.of(1, 2),
}
const said = { kind: 'state', nodeId, bootTag, epoch: 3, counter: 4 } as const
const state = { ...said, metadataVersion: 9, isDeaf: false }
const suspect: Statement = { ...state, state: 'suspect', accusers: [0xaabbccdd, 1] }
const failed: Statement = { ...state, state: 'failed', accusers: [] }
const deaf: Statement = { ...failed, isDeaf: true }
const entries = [{ kind: 'tag', key: 'a', value: 'b', version: 12 }] as const
const metadata: Statement = { kind: 'metadata', nodeId, bootTag, from: 10, to: 12, entries }
const payload = Uint8Array.of(9, 8)
const event: Statement = { kind: 'event', nodeId, bootTag, sequence: 5, name: 'deploy', payload }
const needRecord: Statement = { kind: 'need', nodeId, metadataAfter: null }
const needMetadata: Statement = { kind: 'need', nodeId, metadataAfter: 6 }

function packet(body: PacketBody, ...statements: readonly Statement[]): Packet {
  const header = {
    version: 1,
    clusterHigh: 0x11223344,
    clusterLow: 0x55667788,
    from: 'n0' as NodeId,
    fromBootTag: 0xcafebabe,
    formed: true,
  }
  return { header, body, statements }
}

const coordinate = { position: [0.5, -0.5, 0, 12.34, -100, 0, 0, 1], height: 0.25, error: 1.5 }

/** One packet of each kind, and between them one statement of each kind. */
export const goldenPackets: readonly Packet[] = [
  packet({ kind: 'ping', probe: 300, target: 'n1', root: 0xdeadbeef }, suspect),
  packet({ kind: 'ack', probe: 300, root: 1, coordinate }, failed),
  packet({ kind: 'ack', probe: 1, root: 1, coordinate: null }),
  packet({ kind: 'nack', probe: 7 }),
  packet({ kind: 'pingRequest', probe: 7, target: 'n1', host: '10.0.0.1', port: 6_969 }),
  packet({ kind: 'indirectAck', probe: 7, target: 'n1', bootTag }),
  packet({ kind: 'gossip' }, metadata, event),
  packet({ kind: 'join', protocol }, record),
  packet({ kind: 'welcome', protocol, root: 2 }),
  packet({ kind: 'refusal', code: 'admission', protocol, reason: 'no' }),
  packet({ kind: 'digest', root: 3, buckets: Uint32Array.of(1, 0xffffffff) }),
  packet({ kind: 'summary', bucketCount: 16, buckets: [0, 3, 15] }, failed),
  packet({ kind: 'repair' }, needRecord, needMetadata),
  packet({ kind: 'repair' }, deaf),
]
