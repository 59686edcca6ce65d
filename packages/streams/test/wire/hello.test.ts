import { newBootId, parseClusterName, parseNodeId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeHello,
  decodeOpen,
  decodeReject,
  encodeHello,
  encodeOpen,
  encodeReject,
  type Hello,
  type LaneKind,
} from '../../src/wire/hello.ts'

const hello: Hello = {
  versionMin: 1,
  versionMax: 3,
  features: 5,
  cluster: parseClusterName('shop'),
  nodeId: parseNodeId('shop-1'),
  bootId: newBootId(seededRandom('hello')),
  expected: 'shop-2',
  attachment: 7,
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

describe('REJECT and OPEN', () => {
  it('decode to what was encoded', () => {
    const reject = { code: 'ERR_NODOSUM_CLUSTER_MISMATCH', message: 'this is another cluster' }
    expect(decodeReject(encodeReject(reject))).toEqual(reject)
    for (const kind of ['messages', 'requests'] satisfies LaneKind[]) {
      const open = { stream: 9, kind, application: 'orders', name: 'audit' }
      expect(decodeOpen(encodeOpen(open))).toEqual(open)
    }
  })

  it('for the control stream or an unknown kind are not one', () => {
    const open = { stream: 0, kind: 'messages' as const, application: 'a', name: 'b' }
    expect(decodeOpen(encodeOpen(open))).toBeNull()
    const bytes = encodeOpen({ ...open, stream: 1 })
    bytes[1] = 9
    expect(decodeOpen(bytes)).toBeNull()
  })

  it('never throw on rubbish', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeHello, decodeReject, decodeOpen]) {
          const decoded = decode(bytes)
          expect(decoded === null || typeof decoded === 'object').toBe(true)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})
