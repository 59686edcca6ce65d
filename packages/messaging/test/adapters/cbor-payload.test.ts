import { isNodosumError } from '@nodosum/kernel'
import { Encoder } from 'cbor-x'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PayloadCodec } from '../../src/adapters/cbor-payload.ts'
import { messagingOptions } from '../../src/index.ts'

const { payloadDepthMax, payloadItemsMax } = messagingOptions.defaults()
const codec = new PayloadCodec({
  depthMax: payloadDepthMax,
  itemsMax: payloadItemsMax,
  bytesMax: 1_048_576,
})

function roundTrip(payload: unknown): unknown {
  const { bytes, cbor } = codec.encode(payload)
  return codec.decode(bytes, cbor)
}

function problemOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isNodosumError(error, 'ERR_NODOSUM_PAYLOAD_INVALID')) return error.message
    throw error
  }
  return 'none'
}

const plain = fc.letrec((again) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, undefined),
    fc.string({ unit: 'grapheme' }),
    // CBOR's integer 0 has no sign: -0 arrives as 0.
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.maxSafeInteger(),
    fc.array(again('value'), { maxLength: 5 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), again('value'), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
})).value

describe('payloads', () => {
  it('arrive as they were sent', () => {
    fc.assert(
      fc.property(plain, (payload) => {
        fc.pre(!JSON.stringify(payload)?.includes('constructor'))
        expect(roundTrip(payload)).toEqual(payload)
      }),
    )
  })

  it('may hold dates, bytes and big integers', () => {
    const payload = { at: new Date(1_700_000_000_000), bytes: Uint8Array.of(1, 2), big: 2n ** 70n }
    const back = roundTrip(payload) as typeof payload
    expect(back.at).toEqual(payload.at)
    expect(Uint8Array.from(back.bytes)).toEqual(payload.bytes)
    expect(back.big).toBe(payload.big)
  })

  it('of bytes pass untouched', () => {
    const bytes = Uint8Array.of(0xff, 0, 1)
    expect(codec.encode(bytes)).toEqual({ bytes, cbor: false })
    expect(roundTrip(bytes)).toBe(bytes)
  })

  it('may be as deep and hold as much as the limits say, and arrive', () => {
    const deep = (depth: number, leaf: unknown): unknown =>
      depth === 0 ? leaf : [deep(depth - 1, leaf)]
    for (const leaf of [1, new Date(5), 2n ** 70n, Uint8Array.of(1).toString()]) {
      expect(roundTrip(deep(payloadDepthMax, leaf))).toEqual(deep(payloadDepthMax, leaf))
    }
    const many = new Array(payloadItemsMax - 1).fill(0)
    expect(roundTrip(many)).toEqual(many)
    const named = Object.fromEntries(many.map((_, index) => [`k${index}`, index]))
    expect(roundTrip(named)).toEqual(named)
  })

  it('that throw while they are encoded are refused, and the next one is encoded', () => {
    let reads = 0
    const fickle = {
      first: 1,
      get second() {
        reads += 1
        if (reads > 1) throw new Error('only once')
        return 2
      },
    }
    expect(problemOf(() => codec.encode(fickle))).toContain('payload could not be encoded')
    expect(reads).toBe(2)
    expect(roundTrip({ a: [1] })).toEqual({ a: [1] })
  })

  it('that are hostile are refused before they are built', () => {
    const encode = (value: unknown): Uint8Array => new Encoder({ useRecords: false }).encode(value)
    const refused = (bytes: Uint8Array): string => problemOf(() => codec.decode(bytes, true))
    let deep: unknown = 1
    for (let depth = 0; depth <= payloadDepthMax + 1; depth++) deep = [deep]
    expect(refused(encode(deep))).toContain('too deep')
    expect(refused(encode(new Array(payloadItemsMax * 2).fill(0)))).toContain('too many')
    // A map with the key __proto__, which no object literal would make.
    expect(refused(Buffer.from('a1695f5f70726f746f5f5f01', 'hex'))).toContain('refused')
    // An array that claims four billion entries.
    expect(refused(Buffer.from('9affffffff', 'hex'))).toContain('ends early')
    expect(refused(Buffer.from('bb00000001ffffffff', 'hex'))).toContain('ends early')
    expect(refused(Buffer.from('', 'hex'))).toContain('ends early')
    expect(refused(Buffer.from('0101', 'hex'))).toContain('followed')
    expect(refused(Buffer.from('9f01ff', 'hex'))).toContain('not CBOR')
    expect(refused(Buffer.from('d81c01', 'hex'))).toContain('tag 28')
    // Tags around tags, and a date of an array: neither is one value.
    expect(refused(Buffer.from('c1c1c101', 'hex'))).toContain('date')
    expect(refused(Buffer.from('c18101', 'hex'))).toContain('date')
    expect(refused(Buffer.from('a1800000', 'hex'))).not.toBe('none')
  })

  it('never make anything but a value or a coded error, and never change a prototype', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        problemOf(() => codec.decode(bytes, true))
        expect(({} as Record<string, unknown>).polluted).toBeUndefined()
      }),
      { numRuns: 20_000 },
    )
  })
})
