import { ByteReader } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeFailure,
  decodeHeaders,
  encodeFailure,
  encodeHeaders,
  keyBytesMax,
} from '../../src/wire/message-frames.ts'

describe('headers', () => {
  it('carry the routing key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'grapheme' }), (key) => {
        const bytes = encodeHeaders(key)
        const reader = new ByteReader(bytes)
        expect(decodeHeaders(reader)).toEqual({ key, method: null })
        expect([reader.failed, reader.remaining]).toEqual([false, 0])
      }),
    )
  })

  it('with entries that are not known are read past them', () => {
    // Entry 9 of two bytes, then entry 1 with the key "k".
    const reader = new ByteReader(Uint8Array.of(7, 9, 2, 0xff, 0xff, 1, 1, 0x6b))
    expect(decodeHeaders(reader)).toEqual({ key: 'k', method: null })
    expect(reader.failed).toBe(false)
  })

  it('with a key that is too long fail', () => {
    const reader = new ByteReader(encodeHeaders('x'.repeat(keyBytesMax + 1)))
    decodeHeaders(reader)
    expect(reader.failed).toBe(true)
  })
})

describe('failures', () => {
  const subject = { stream: 3, sequence: 300 }
  const failure = { code: 'ERR_X', name: 'TypeError', message: 'no', remoteCode: 'OUT_OF_STOCK' }

  it('carry name, message and code', () => {
    const reader = new ByteReader(encodeFailure(subject, failure))
    expect([reader.varint(), reader.varint()]).toEqual([3, 300])
    expect(decodeFailure(reader)).toEqual(failure)
  })

  it('cut long messages, and never half a character', () => {
    const long = { ...failure, message: `${'x'.repeat(999)}😀`, name: 'N'.repeat(1_000) }
    const reader = new ByteReader(encodeFailure(subject, long))
    reader.varint()
    reader.varint()
    const decoded = decodeFailure(reader)
    expect(decoded?.message).toBe(`${'x'.repeat(999)}\uFFFD`)
    expect(decoded?.name).toHaveLength(64)
  })
})

it('no decoder throws on rubbish', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const headers = new ByteReader(bytes)
      decodeHeaders(headers)
      const decoded = decodeFailure(new ByteReader(bytes))
      expect(decoded === null || typeof decoded.code === 'string').toBe(true)
    }),
    { numRuns: 3_000 },
  )
})
