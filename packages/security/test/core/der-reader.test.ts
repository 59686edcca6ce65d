import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DerReader,
  readBoolean,
  readObjectId,
  readSmallInteger,
} from '../../src/core/der-reader.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Uint8Array.of(tag, ...size, ...content)
}

describe('the reader', () => {
  it('reads back what was written, one element after another', () => {
    const tag = fc.constantFrom(0x02, 0x04, 0x30, 0xa3)
    const item = fc.tuple(tag, fc.uint8Array({ maxLength: 700 }))
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), (items) => {
        const reader = new DerReader(
          Uint8Array.from(items.flatMap(([tag, content]) => [...element(tag, content)])),
        )
        for (const [tag, content] of items) {
          expect(reader.peekTag()).toBe(tag)
          const found = reader.next(tag)
          expect([...found.content]).toEqual([...content])
          expect([...found.whole]).toEqual([...element(tag, content)])
        }
        expect([reader.atEnd, reader.failed]).toEqual([true, false])
      }),
      { numRuns: 100 },
    )
  })

  it.each([
    ['nothing', ''],
    ['a tag without length', '30'],
    ['a length past the end', '300201'],
    ['an indefinite length', '30800000'],
    ['a length in more bytes than needed', `308105${'00'.repeat(5)}`],
    ['a length with a leading zero', `30820080${'00'.repeat(128)}`],
    ['a length of five bytes', '30850000000001aa'],
    ['a length that is cut', '3082'],
    ['a tag of several bytes', '3f8101aa'],
    ['another tag than asked', '310101'],
  ])('fails on %s, and stays failed and empty', (_, hex) => {
    const reader = new DerReader(bytesOf(hex))
    const { content, whole } = reader.next(0x30)
    expect([reader.failed, reader.atEnd, reader.peekTag()]).toEqual([true, true, 0])
    expect([content.length, whole.length, reader.next().content.length]).toEqual([0, 0, 0])
    expect(reader.enter(0x30).failed).toBe(true)
  })

  it('never throws, never reads past its bytes, and ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new DerReader(bytes)
        let read = 0
        for (let count = 0; !reader.atEnd; count++) {
          expect(count).toBeLessThanOrEqual(bytes.length)
          const { content, whole } = reader.next()
          expect(whole.length).toBeGreaterThanOrEqual(content.length)
          read += whole.length
        }
        expect(read).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('an object id', () => {
  it.each([
    ['551d11', '2.5.29.17'],
    ['2a864886f70d01010b', '1.2.840.113549.1.1.11'],
    ['2b6570', '1.3.101.112'],
    ['8837', '2.999'],
    ['00', '0.0'],
  ])('%s is %s', (hex, dots) => {
    expect(readObjectId(bytesOf(hex))).toBe(dots)
  })

  it.each([
    ['empty', ''],
    ['cut inside a number', '2b86'],
    ['padded, so that two encodings would be one id', '2b8001'],
    ['beyond 2^53', `2b${'ff'.repeat(8)}7f`],
    ['longer than 64 bytes', '2b'.repeat(65)],
  ])('that is %s is none', (_, hex) => {
    expect(readObjectId(bytesOf(hex))).toBeUndefined()
  })

  it('has one encoding: what it was read from', () => {
    const byte = fc.oneof(fc.constantFrom(0x80, 0x81, 0xff, 0), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 10 }), (bytes) => {
        const id = readObjectId(Uint8Array.from(bytes))
        if (id !== undefined) expect(encoded(id)).toEqual(bytes)
      }),
      { numRuns: 2_000 },
    )
  })
})

function encoded(id: string): number[] {
  const [first = 0, second = 0, ...more] = id.split('.').map(Number)
  return [first * 40 + second, ...more].flatMap((arc) => {
    const bytes = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      bytes.unshift((left % 128) + 128)
    }
    return bytes
  })
}

describe('small values', () => {
  it('booleans have exactly two encodings', () => {
    expect(readBoolean(bytesOf('ff'))).toBe(true)
    expect(readBoolean(bytesOf('00'))).toBe(false)
    for (const hex of ['01', 'fe', '', 'ffff']) expect(readBoolean(bytesOf(hex))).toBeUndefined()
  })

  it.each([
    ['00', 0],
    ['7f', 127],
    ['0080', 128],
    ['7fffffff', 2_147_483_647],
    ['', undefined],
    ['80', undefined],
    ['ff', undefined],
    ['0001', undefined],
    ['0080000000', undefined],
  ])('the integer %j is %s', (hex, value) => {
    expect(readSmallInteger(bytesOf(hex))).toBe(value)
  })
})
