import { ByteReader } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFailure, encodeFailure } from '../../src/wire/message-frames.ts'

describe('failures', () => {
  const subject = { stream: 3, sequence: 300 }
  const failure = {
    code: 'ERR_X',
    name: 'TypeError',
    message: 'no',
    remoteCode: 'OUT_OF_STOCK',
    retryable: true,
    retryAfterMs: 250,
  }

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

it('no decoder of failures throws on rubbish', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const decoded = decodeFailure(new ByteReader(bytes))
      expect(decoded === null || typeof decoded.code === 'string').toBe(true)
    }),
    { numRuns: 3_000 },
  )
})
