import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bootIdFromBytes,
  bootIdToBytes,
  isBootId,
  newBootId,
  seededRandom,
} from '../../src/index.ts'

describe('boot ids', () => {
  it('survive the way to bytes and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const id = bootIdFromBytes(bytes)
        expect(isBootId(id)).toBe(true)
        expect(bootIdToBytes(id)).toEqual(bytes)
      }),
    )
  })

  it('are 32 lower-case hexadecimal characters, leading zeros included', () => {
    const bytes = new Uint8Array(16)
    bytes[15] = 0xab
    expect(bootIdFromBytes(bytes)).toBe(`${'0'.repeat(30)}ab`)
  })

  it('differ from start to start', () => {
    const random = seededRandom('boots')
    const ids = new Set(Array.from({ length: 1_000 }, () => newBootId(random)))
    expect(ids.size).toBe(1_000)
  })

  it.each([
    'A'.repeat(32),
    'a'.repeat(31),
    'a'.repeat(33),
    `${'a'.repeat(32)}\n`,
    'g'.repeat(32),
    5,
    null,
  ])('do not look like %j', (value) => {
    expect(isBootId(value)).toBe(false)
  })

  it('are not made of fewer or more than 16 bytes', () => {
    for (const length of [0, 15, 17]) {
      expect(() => bootIdFromBytes(new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'ERR_NODOSUM_DECODE_FAILED' }),
      )
    }
  })
})
