import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  counterOffset,
  headerBytes,
  hexOf,
  nonceOf,
  packetKinds,
  readCounter,
  readRecipient,
  writeCounter,
  writeRecipient,
} from '../../src/core/sealed-packet.ts'

const counters = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER),
)

describe('the header', () => {
  it('carries a counter up to 2^53 - 1, also inside a larger buffer', () => {
    fc.assert(
      fc.property(counters, fc.nat(9), (counter, offset) => {
        const packet = new Uint8Array(headerBytes + offset + 5).subarray(offset)
        writeCounter(packet, counter)
        expect(readCounter(packet)).toBe(counter)
        expect(packet.subarray(0, counterOffset).every((byte) => byte === 0)).toBe(true)
      }),
    )
  })

  it('carries a recipient beside the counter', () => {
    fc.assert(
      fc.property(counters, fc.nat(0xffff_ffff), (counter, recipient) => {
        const packet = new Uint8Array(headerBytes)
        writeCounter(packet, counter)
        writeRecipient(packet, recipient)
        expect([readCounter(packet), readRecipient(packet)]).toEqual([counter, recipient])
      }),
    )
  })

  it('carries no counter beyond', () => {
    const packet = new Uint8Array(headerBytes)
    packet[counterOffset + 6] = 0x20
    expect(readCounter(packet)).toBeUndefined()
  })

  it('gives different counters different nonces of 12 bytes', () => {
    const nonce = (counter: number): string => {
      const packet = new Uint8Array(headerBytes)
      writeCounter(packet, counter)
      return Buffer.from(nonceOf(packet)).toString('hex')
    }
    fc.assert(
      fc.property(counters, counters, (left, right) => {
        expect(nonce(left).length).toBe(24)
        expect(nonce(left) === nonce(right)).toBe(left === right)
      }),
    )
  })

  it('is told from QUIC by its first byte', () => {
    const kinds = Object.values(packetKinds)
    expect(new Set(kinds).size).toBe(kinds.length)
    for (const kind of kinds) expect(kind & 0xc0).toBe(0)
  })

  it('shows bytes in hexadecimal, leading zeros included', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(hexOf(bytes, 0, bytes.length)).toBe(Buffer.from(bytes).toString('hex'))
      }),
    )
  })
})
