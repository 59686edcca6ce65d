import { parseClusterName, parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  connectionFrame,
  frameFlag,
  frameHeaderLength,
  frameType,
  writeFrameHeader,
} from '../../src/wire/frame.ts'
import { encodeGoodbye, encodeHello, encodeReject } from '../../src/wire/hello.ts'
import { encodeClose, encodeRefuse } from '../../src/wire/lane-end.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import { encodeAcknowledgement, encodeProgress } from '../../src/wire/progress.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function frame(type: number, flags: number, stream: number, sequence: number, body: Uint8Array) {
  const bytes = new Uint8Array(frameHeaderLength(stream, sequence) + body.length)
  const at = writeFrameHeader(bytes, 0, type, flags, stream, sequence, body.length)
  bytes.set(body, at)
  return bytes
}

// Written down once: a change here is a change of the protocol, which needs a version or a feature.
const vectors: readonly [string, Uint8Array, string][] = [
  [
    'HELLO',
    connectionFrame(
      frameType.hello,
      encodeHello({
        versionMin: 1,
        versionMax: 1,
        features: 0,
        cluster: parseClusterName('shop'),
        nodeId: parseNodeId('shop-1'),
        bootId: '000102030405060708090a0b0c0d0e0f' as never,
        expected: 'shop-2',
        attachment: 300,
        session: '1122334455667788',
        resumes: true,
        windowBytes: 2_097_152,
      }),
    ),
    '39000000810000000101000473686f700673686f702d31000102030405060708090a0b0c0d0e0f0673686f702d32ac0211223344556677880180808001',
  ],
  ['CONFIRM', connectionFrame(frameType.confirm, new Uint8Array(0)), '0400000082000000'],
  [
    'REJECT',
    connectionFrame(
      frameType.reject,
      encodeReject({ code: 'DUPLICATE', message: 'no', attachment: 5 }),
    ),
    '1200000083000000094455504c4943415445026e6f05',
  ],
  [
    'OPEN',
    frame(
      frameType.open,
      0,
      3,
      1,
      encodeOpen({
        stream: 3,
        kind: 'requests',
        application: 'orders',
        name: 'a',
        laneClass: 'bulk',
      }),
    ),
    '10000000840003010301066f7264657273016102',
  ],
  [
    'OPEN of a lane of streams, scheduled',
    frame(
      frameType.open,
      0,
      4,
      1,
      encodeOpen({
        stream: 4,
        kind: 'streams',
        application: 'orders',
        name: 'streams',
        laneClass: 'scheduled',
      }),
    ),
    '16000000840004010402066f72646572730773747265616d7303',
  ],
  [
    'RESUME',
    connectionFrame(
      frameType.resume,
      encodeProgress([
        { stream: 0, next: 1, creditLimit: 0 },
        { stream: 3, next: 129, creditLimit: 2_097_152 },
      ]),
    ),
    '0e0000008500000000010003810180808001',
  ],
  [
    'ACK',
    connectionFrame(
      frameType.ack,
      encodeAcknowledgement(65_536, [{ stream: 1, next: 2, creditLimit: 3 }]),
    ),
    '0a00000086000000808004010203',
  ],
  [
    'GOODBYE',
    connectionFrame(frameType.goodbye, encodeGoodbye({ code: '', message: 'closed' })),
    '0c000000070000000006636c6f736564',
  ],
  ['RENEW', connectionFrame(frameType.renew, new Uint8Array(0)), '0400000008000000'],
  [
    'CLOSE',
    frame(frameType.close, 0, 0, 7, encodeClose({ stream: 3, next: 300 })),
    '070000008900000703ac02',
  ],
  [
    'REFUSE',
    frame(
      frameType.refuse,
      0,
      0,
      8,
      encodeRefuse({ stream: 3, next: 1, code: 'ERR_NODOSUM_LIMIT_STREAMS', message: 'no' }),
    ),
    '230000008a0000080301194552525f4e4f444f53554d5f4c494d49545f53545245414d53026e6f',
  ],
  [
    'a message that asks for its acknowledgement',
    frame(0x90, frameFlag.acknowledgeNow, 1, 2, Uint8Array.of(0, 7)),
    '06000000900201020007',
  ],
]

describe('golden vectors', () => {
  it.each(vectors)('%s', (_name, bytes, expected) => {
    expect(hex(bytes)).toBe(expected)
  })
})
