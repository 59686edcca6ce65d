import { ByteReader, newBootId, parseClusterName, parseNodeId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeGoodbye,
  decodeHello,
  decodeReject,
  encodeGoodbye,
  encodeHello,
  encodeReject,
  type Hello,
} from '../../src/wire/hello.ts'
import { decodeClose, decodeRefuse, encodeClose, encodeRefuse } from '../../src/wire/lane-end.ts'
import { decodeOpen, encodeOpen, type LaneKind, laneClasses } from '../../src/wire/open.ts'
import { encodeProgress, readProgress } from '../../src/wire/progress.ts'

const hello: Hello = {
  versionMin: 1,
  versionMax: 3,
  features: 5,
  cluster: parseClusterName('shop'),
  nodeId: parseNodeId('shop-1'),
  bootId: newBootId(seededRandom('hello')),
  expected: 'shop-2',
  attachment: 7,
  session: '00ff10203040506f',
  resumes: true,
  windowBytes: 2_097_152,
}

describe('HELLO', () => {
  it('decodes to what was encoded, also without an expected node', () => {
    expect(decodeHello(encodeHello(hello))).toEqual(hello)
    const open = { ...hello, expected: '' }
    expect(decodeHello(encodeHello(open))).toEqual(open)
  })

  it('may have more fields after those of version 1', () => {
    const longer = Buffer.concat([encodeHello(hello), Buffer.from('more')])
    expect(decodeHello(longer)).toEqual(hello)
  })

  it.each([
    { versionMin: 4 },
    { attachment: 0 },
    { nodeId: 'no spaces' },
    { cluster: '' },
    { expected: 'not/an/id' },
  ])('with %o is not one', (changes) => {
    expect(decodeHello(encodeHello({ ...hello, ...changes } as Hello))).toBeNull()
  })

  it('cut short is not one', () => {
    const bytes = encodeHello(hello)
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeHello(bytes.subarray(0, length))).toBeNull()
    }
  })
})

describe('REJECT, GOODBYE and OPEN', () => {
  it('decode to what was encoded', () => {
    const reject = { code: 'ERR_NODOSUM_CLUSTER_MISMATCH', message: 'this is another cluster' }
    expect(decodeGoodbye(encodeGoodbye(reject))).toEqual(reject)
    expect(decodeReject(encodeReject({ ...reject, attachment: 3 }))).toEqual({
      ...reject,
      attachment: 3,
    })
    for (const kind of ['messages', 'requests', 'streams'] satisfies LaneKind[]) {
      for (const laneClass of laneClasses) {
        const open = { stream: 9, kind, application: 'orders', name: 'audit', laneClass }
        expect(decodeOpen(encodeOpen(open))).toEqual(open)
      }
    }
  })

  it('of a class that is not known yet is interactive, and of the class of control is none', () => {
    const open = { stream: 9, kind: 'messages', application: 'a', name: 'b' } as const
    const bytes = encodeOpen({ ...open, laneClass: 'bulk' })
    bytes[bytes.length - 1] = 9
    expect(decodeOpen(bytes)?.laneClass).toBe('interactive')
    bytes[bytes.length - 1] = 0
    expect(decodeOpen(bytes)).toBeNull()
    expect(decodeOpen(bytes.subarray(0, -1))).toBeNull()
  })

  it('for the control stream or an unknown kind are not one', () => {
    const names = { application: 'a', name: 'b' }
    const open = { stream: 0, kind: 'messages', ...names, laneClass: 'interactive' } as const
    expect(decodeOpen(encodeOpen(open))).toBeNull()
    const bytes = encodeOpen({ ...open, stream: 1 })
    bytes[1] = 9
    expect(decodeOpen(bytes)).toBeNull()
  })

  it('never throw on rubbish', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeHello, decodeReject, decodeGoodbye, decodeOpen]) {
          const decoded = decode(bytes)
          expect(decoded === null || typeof decoded === 'object').toBe(true)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('CLOSE and REFUSE', () => {
  const end = { stream: 3, next: 300 }
  const refusal = { ...end, code: 'ERR_NODOSUM_LIMIT_STREAMS', message: 'too many' }

  it('decode to what was encoded, also with more after it', () => {
    for (const more of [[], [1, 2, 3]]) {
      const close = Uint8Array.from([...encodeClose(end), ...more])
      expect(decodeClose(new ByteReader(close))).toEqual(end)
      const refuse = Uint8Array.from([...encodeRefuse(refusal), ...more])
      expect(decodeRefuse(new ByteReader(refuse))).toEqual(refusal)
    }
  })

  it('for the control stream, without a next frame or without a code are none', () => {
    for (const changes of [{ stream: 0 }, { next: 0 }]) {
      expect(decodeClose(new ByteReader(encodeClose({ ...end, ...changes })))).toBeNull()
    }
    expect(decodeRefuse(new ByteReader(encodeRefuse({ ...refusal, code: '' })))).toBeNull()
  })

  it('never throw on rubbish', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        for (const decode of [decodeClose, decodeRefuse]) {
          const decoded = decode(new ByteReader(bytes))
          expect(decoded === null || decoded.stream > 0).toBe(true)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('ACK and RESUME', () => {
  const progress = fc.record({
    stream: fc.nat(1_000),
    next: fc.integer({ min: 1, max: 2 ** 40 }),
    creditLimit: fc.maxSafeNat(),
  })

  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(fc.array(progress, { maxLength: 20 }), (entries) => {
        const read: unknown[] = []
        const bytes = encodeProgress(entries)
        const isWhole = readProgress(bytes, 0, bytes.length, (stream, next, creditLimit) => {
          read.push({ stream, next, creditLimit })
          return true
        })
        expect([isWhole, read]).toEqual([true, entries])
        const isCut = entries.length > 0 && readProgress(bytes, 0, bytes.length - 1, () => true)
        expect(isCut).toBe(false)
      }),
    )
  })

  it('never throw on rubbish, and stop at the first entry that does not fit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let entries = 0
        const isWhole = readProgress(bytes, 0, bytes.length, () => ++entries < 3)
        if (isWhole) expect(entries).toBeLessThan(3)
      }),
      { numRuns: 2_000 },
    )
  })
})
