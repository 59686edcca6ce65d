import { isNodosumError } from '@nodosum/kernel'
import { Encoder } from 'cbor-x'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PayloadCodec } from '../../src/adapters/cbor-payload.ts'
import { checkPlain } from '../../src/adapters/plain-data.ts'

const limits = { depthMax: 8, itemsMax: 100, bytesMax: 4_096 }
const codec = new PayloadCodec(limits)

/** The code and the words with which something is refused; a value when it is not. */
function outcome(run: () => unknown): { refused: string; code: string } | { value: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    if (isNodosumError(error)) return { refused: error.message, code: error.code }
    throw error
  }
}

function refused(hex: string | Uint8Array): string {
  const bytes = typeof hex === 'string' ? Uint8Array.from(Buffer.from(hex, 'hex')) : hex
  const result = outcome(() => codec.decode(bytes, true))
  return 'refused' in result ? result.refused : `a value: ${JSON.stringify(result.value)}`
}

/** The first byte and the length of something in CBOR, in the shortest form that is asked for. */
function head(major: number, length: number, size: 0 | 1 | 2 | 4 | 8): number[] {
  if (size === 0) return [(major << 5) | (length & 23)]
  const bytes = [(major << 5) | { 1: 24, 2: 25, 4: 26, 8: 27 }[size]]
  for (let at = size - 1; at >= 0; at--) bytes.push(Math.floor(length / 256 ** at) % 256)
  return bytes
}

const text = (value: string): number[] => [
  ...head(3, Buffer.byteLength(value), 2),
  ...Buffer.from(value),
]

describe('a payload of a hostile peer', () => {
  it.each([
    ['an array that claims 2^64 - 1 entries', '9bffffffffffffffff', 'ends early'],
    ['a map that claims 2^63 entries', 'bb8000000000000000', 'ends early'],
    ['arrays of four billion in arrays', '819affffffff819affffffff', 'ends early'],
    ['a text of four billion bytes', '7affffffff41', 'ends early'],
    ['bytes of four billion bytes', '5affffffff41', 'ends early'],
    ['a big integer of four billion bytes', 'c25affffffff41', 'over the limit of 1024'],
    ['nothing', '', 'ends early'],
    ['half a length', '9a0000', 'is not CBOR'],
    ['something after its end', '0101', 'followed by something else'],
    ['an array without a length', '9f01ff', 'is not CBOR'],
    ['a text without a length', '7f6161ff', 'is not CBOR'],
    ['a tag of records', 'd9dfff8301020381', 'uses CBOR tag 57343'],
    ['a tag of shared values', 'd81c80', 'uses CBOR tag 28'],
    ['a regular expression', 'd81b82617861', 'uses CBOR tag 27'],
    ['a set', 'd9010281', 'uses CBOR tag 258'],
    ['a date as text', 'c06a323032362d31322d3031', 'uses CBOR tag 0'],
    ['a date of an array', 'c181', 'a date that is no number'],
    ['tags around tags', 'c1c1c101', 'a date that is no number'],
    ['a big integer of a number', 'c201', 'a big integer that is no bytes'],
    ['an integer as key', 'a10102', 'a key that is no text'],
    ['an array as key', 'a18001', 'a key that is no text'],
    ['a key that is no UTF-8', 'a161ff01', 'a key that is no UTF-8'],
    ['a key twice', 'a26161016161', 'a key twice'],
    ['a key twice, once in a longer form', 'a261610178016102', 'a key twice'],
    ['the key __proto__', 'a1695f5f70726f746f5f5fa168706f6c6c757465f5', 'the key __proto__'],
    ['the key constructor', 'a16b636f6e7374727563746f7201', 'the key constructor'],
    ['the key prototype deep inside', '8181a16970726f746f7479706501', 'the key prototype'],
    ['the key __proto__ in a longer form', 'a178095f5f70726f746f5f5f01', 'the key __proto__'],
  ])('is refused for %s', (_title, hex, words) => {
    expect(refused(hex)).toContain(words)
  })

  it('is refused for each limit, and taken at it', () => {
    const nested = (depth: number): Uint8Array => Uint8Array.of(...Array(depth).fill(0x81), 0)
    expect(refused(nested(limits.depthMax))).toContain('a value')
    expect(refused(nested(limits.depthMax + 1))).toContain('nested too deep')
    expect(refused(nested(4_000))).toContain('nested too deep')
    const wide = (items: number): Uint8Array =>
      Uint8Array.of(...head(4, items, 2), ...new Uint8Array(items))
    expect(refused(wide(limits.itemsMax - 1))).toContain('a value')
    expect(refused(wide(limits.itemsMax))).toContain('holds too many values')
    const long = (bytes: number): Uint8Array =>
      Uint8Array.of(...head(3, bytes, 2), ...Buffer.alloc(bytes, 'x'))
    expect(refused(long(limits.bytesMax - 3))).toContain('a value')
    expect(refused(long(limits.bytesMax - 2))).toContain('has 4097 bytes, over the limit of 4096')
    const big = (bytes: number): Uint8Array =>
      Uint8Array.of(0xc2, ...head(2, bytes, 2), ...new Uint8Array(bytes).fill(255))
    expect(outcome(() => codec.decode(big(1_024), true))).toEqual({ value: 2n ** 8_192n - 1n })
    expect(refused(big(1_025))).toContain('a big integer of 1025 bytes, over the limit of 1024')
  })

  it('is refused for a key twice among many', () => {
    const keys = Array.from({ length: 60 }, (_, index) => `key${index}`)
    const map = (names: readonly string[]): Uint8Array =>
      Uint8Array.of(...head(5, names.length, 1), ...names.flatMap((name) => [...text(name), 0]))
    expect(refused(map(keys))).toContain('a value')
    expect(refused(map([...keys, 'key7']))).toContain('a key twice')
    // The same key in two objects is none twice.
    const [one] = [map(['a'])]
    expect(refused(Uint8Array.of(0x82, ...(one ?? []), ...(one ?? [])))).toContain('a value')
  })

  it('spends no memory on what it claims', () => {
    const before = process.memoryUsage().heapUsed
    for (let time = 0; time < 1_000; time++) {
      refused('9bffffffffffffffff')
      refused('8181819affffffff')
      refused('7affffffff41')
    }
    // A single one of those arrays would take 32 GiB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(256 * 1_024 * 1_024)
  })
})

/** CBOR as a peer could write it: well formed or nearly, with everything that the format has. */
const cbor = fc.letrec((again) => {
  const size = fc.constantFrom<(0 | 1 | 2 | 4 | 8)[]>(0, 1, 2, 4, 8)
  const nested = again('value') as fc.Arbitrary<number[]>
  const value: fc.Arbitrary<number[]> = fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc.tuple(fc.constantFrom(0, 1, 7), fc.nat(70_000), size).map(([m, n, s]) => head(m, n, s)),
    fc.string({ maxLength: 12 }).map(text),
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', '').map(text),
    fc.uint8Array({ maxLength: 10 }).map((bytes) => [...head(2, bytes.length, 1), ...bytes]),
    fc.array(nested, { maxLength: 5 }).map((all) => [...head(4, all.length, 1), ...all.flat()]),
    fc
      .array(fc.tuple(fc.oneof(fc.string({ maxLength: 4 }).map(text), nested), nested), {
        maxLength: 4,
      })
      .map((all) => [...head(5, all.length, 1), ...all.flat(2)]),
    fc.tuple(fc.nat(300), size, nested).map(([tag, s, inner]) => [...head(6, tag, s), ...inner]),
    // A length that does not belong to what follows.
    fc
      .tuple(fc.constantFrom(2, 3, 4, 5), fc.nat(2 ** 31), size, nested)
      .map(([m, n, s, inner]) => [...head(m, n, s), ...inner]),
  )
  return { value }
}).value as fc.Arbitrary<number[]>

const objectKeys = Object.getOwnPropertyNames(Object.prototype).sort().join()
const arrayKeys = Object.getOwnPropertyNames(Array.prototype).sort().join()

/** Whatever is decoded is plain data within the limits, and nothing else has changed. */
function decodesWell(bytes: Uint8Array): boolean {
  const result = outcome(() => codec.decode(bytes, true))
  expect(Object.getOwnPropertyNames(Object.prototype).sort().join()).toBe(objectKeys)
  expect(Object.getOwnPropertyNames(Array.prototype).sort().join()).toBe(arrayKeys)
  if ('refused' in result) {
    expect(result.code).toBe('ERR_NODOSUM_PAYLOAD_INVALID')
    return false
  }
  checkPlain(result.value, 'decoded', { ...limits, bytesMax: limits.bytesMax * 2 })
  return true
}

describe('the decoder', () => {
  it('makes of any CBOR plain data within the limits, or a coded error', () => {
    let values = 0
    fc.assert(
      fc.property(cbor, (bytes) => {
        if (decodesWell(Uint8Array.from(bytes))) values += 1
      }),
      { numRuns: 10_000 },
    )
    // The generator is not so wild that nothing passes.
    expect(values).toBeGreaterThan(1_000)
  })

  it('makes of payloads with bytes changed plain data within the limits, or a coded error', () => {
    const encoder = new Encoder({ useRecords: false })
    const payload = {
      id: 'order-1',
      lines: [{ sku: 'tea', quantity: 2, at: new Date(5), big: 2n ** 80n }, null, 1.5],
      note: { text: 'ä', bytes: Uint8Array.of(1, 2, 3) },
    }
    const bytes = encoder.encode(payload)
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.nat(bytes.length), (changes, end) => {
        const changed = Uint8Array.from(bytes)
        for (const { at, to } of changes) changed[at] = to
        decodesWell(changed)
        decodesWell(changed.subarray(0, end))
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('the encoder', () => {
  it.each<[string, unknown, string, string]>([
    ['a text', 'x'.repeat(4_097), 'ERR_NODOSUM_MESSAGE_TOO_LARGE', 'payload has over 4096 bytes'],
    [
      'texts together',
      Array(9).fill('x'.repeat(500)),
      'ERR_NODOSUM_MESSAGE_TOO_LARGE',
      'raise layers.streams.messageBytesMax',
    ],
    ['bytes inside', [new Uint8Array(5_000)], 'ERR_NODOSUM_MESSAGE_TOO_LARGE', 'over 4096'],
    ['keys', { ['k'.repeat(5_000)]: 1 }, 'ERR_NODOSUM_MESSAGE_TOO_LARGE', 'over 4096'],
    ['values', Array(100).fill(0), 'ERR_NODOSUM_PAYLOAD_INVALID', 'has over 100 values'],
    [
      'levels',
      [[[[[[[[[1]]]]]]]]],
      'ERR_NODOSUM_PAYLOAD_INVALID',
      'is nested deeper than 8: send it flatter',
    ],
    [
      'a big integer',
      { n: -(2n ** 8_192n) },
      'ERR_NODOSUM_PAYLOAD_INVALID',
      'payload.n is a big integer of over 1024 bytes: send it as bytes',
    ],
  ])('refuses too much of it, before it is encoded: %s', (_title, payload, code, words) => {
    expect(outcome(() => codec.encode(payload))).toEqual({
      code,
      refused: expect.stringContaining(words),
    })
  })

  it('makes nothing that the decoder would refuse', () => {
    const payload = fc.object({
      maxDepth: 6,
      maxKeys: 6,
      withBigInt: true,
      withDate: true,
      withUnicodeString: true,
      key: fc.string({ maxLength: 6 }),
    } as Parameters<typeof fc.object>[0])
    let values = 0
    fc.assert(
      fc.property(fc.oneof(payload, fc.bigInt(), fc.array(fc.bigInt())), (value) => {
        const encoded = outcome(() => codec.encode(value))
        if ('refused' in encoded) return
        const { bytes } = encoded.value as { bytes: Uint8Array }
        if (bytes.length > limits.bytesMax) return
        expect(decodesWell(bytes)).toBe(true)
        values += 1
      }),
      { numRuns: 5_000 },
    )
    expect(values).toBeGreaterThan(1_000)
  })

  it('writes numbers that are keys as texts', () => {
    const { bytes } = codec.encode({ 1: 'one', 2: 'two' })
    expect(codec.decode(bytes, true)).toEqual({ 1: 'one', 2: 'two' })
  })
})
