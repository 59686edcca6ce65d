import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cutReason,
  decodeFarewell,
  encodeFarewell,
  encodeRefusal,
  type Farewell,
} from '../../src/wire/farewell.ts'

const farewells = fc.record<Farewell>({
  kind: fc.constantFrom('close', 'refusal'),
  code: fc.integer({ min: 0, max: 0xffff_ffff }),
  reason: fc.string({ unit: 'grapheme', maxLength: 200 }).map(cutReason),
})

describe('a farewell', () => {
  it('arrives as it was said', () => {
    fc.assert(
      fc.property(farewells, (farewell) => {
        expect(decodeFarewell(encodeFarewell(farewell))).toEqual(farewell)
      }),
    )
  })

  it('is not read out of what others put into GOAWAY', () => {
    const good = encodeFarewell({ kind: 'close', code: 1, reason: 'x' })
    const bad = [
      new Uint8Array(0),
      Buffer.from('too_many_pings'),
      good.subarray(0, 8),
      Uint8Array.from(good, (byte, index) => (index === 0 ? byte + 1 : byte)),
      Uint8Array.from(good, (byte, index) => (index === 4 ? 2 : byte)),
      Uint8Array.from(good, (byte, index) => (index === good.length - 1 ? 0xff : byte)),
      Buffer.concat([good, Buffer.alloc(200, 0x61)]),
    ]
    for (const bytes of bad) expect(decodeFarewell(bytes)).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const farewell = decodeFarewell(bytes)
        if (farewell !== undefined) expect(encodeFarewell(farewell)).toEqual(bytes)
      }),
    )
  })

  it('keeps its reason to 128 bytes, between two characters', () => {
    expect(cutReason('short')).toBe('short')
    expect(cutReason(`x${'ä'.repeat(100)}`)).toBe(`x${'ä'.repeat(63)}`)
    expect(cutReason('𝄞'.repeat(33))).toBe('𝄞'.repeat(32))
  })

  it('is said to the refused as SETTINGS and GOAWAY', () => {
    const farewell: Farewell = { kind: 'refusal', code: 7, reason: 'ERR_NODOSUM_CERT_EXPIRED' }
    const bytes = Buffer.from(encodeRefusal('acceptor', farewell))
    expect([...bytes.subarray(0, 9)]).toEqual([0, 0, 0, 4, 0, 0, 0, 0, 0])
    const opaque = encodeFarewell(farewell)
    expect(bytes.readUIntBE(9, 3)).toBe(8 + opaque.length)
    expect([...bytes.subarray(12, 26)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(new Uint8Array(bytes.subarray(26))).toEqual(opaque)
    const fromDialer = Buffer.from(encodeRefusal('dialer', farewell))
    expect(fromDialer.subarray(0, 24).toString()).toBe('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    expect(fromDialer.subarray(24)).toEqual(bytes)
  })
})
