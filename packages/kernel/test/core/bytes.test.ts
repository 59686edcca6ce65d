import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ByteReader,
  ByteWriter,
  utf8Decode,
  utf8Encode,
  varintLength,
  writeVarint,
} from '../../src/index.ts'

const invariantViolated = expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' })

type Field =
  | { kind: 'u8' | 'u16' | 'u32' | 'f64' | 'varint'; value: number }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'text'; value: string }

const number = (
  kind: 'u8' | 'u16' | 'u32' | 'f64' | 'varint',
  value: fc.Arbitrary<number>,
): fc.Arbitrary<Field> => value.map((drawn) => ({ kind, value: drawn }))

const varints = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 52 }).chain((bits) => fc.constantFrom(2 ** bits - 1, 2 ** bits)),
)

const fields: fc.Arbitrary<Field> = fc.oneof(
  number('u8', fc.nat({ max: 0xff })),
  number('u16', fc.nat({ max: 0xffff })),
  number('u32', fc.integer({ min: 0, max: 0xffff_ffff })),
  number('f64', fc.double()),
  number('varint', varints),
  fc.uint8Array().map((value): Field => ({ kind: 'bytes', value })),
  fc.string({ unit: 'binary', maxLength: 60 }).map((value): Field => ({ kind: 'text', value })),
)

function write(writer: ByteWriter, field: Field): void {
  if (field.kind === 'bytes') writer.bytes(field.value)
  else if (field.kind === 'text') writer.text(field.value)
  else writer[field.kind](field.value)
}

function read(reader: ByteReader, field: Field): unknown {
  if (field.kind === 'bytes') return reader.bytes(field.value.length)
  if (field.kind === 'text') return reader.text(1_000)
  return reader[field.kind]()
}

describe('ByteWriter and ByteReader', () => {
  it('read back what was written, at any start size and position', () => {
    fc.assert(
      fc.property(fc.array(fields), fc.nat({ max: 50 }), (message, margin) => {
        const writer = new ByteWriter({ initialBytes: margin })
        for (const field of message) write(writer, field)
        const written = writer.finish()
        expect(written).toHaveLength(writer.length)

        const framed = new Uint8Array(written.length + margin * 2).fill(0xff)
        framed.set(written, margin)
        const reader = new ByteReader(framed, margin, margin + written.length)
        for (const field of message) expect(read(reader, field)).toEqual(field.value)
        expect(reader.failed).toBe(false)
        expect(reader.remaining).toBe(0)
        expect(reader.offset).toBe(margin + written.length)
      }),
    )
  })

  it('fails, and gives only zeros from there on, when a message is cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fields, { minLength: 1 }), fc.nat(), (message, cut) => {
        const writer = new ByteWriter()
        for (const field of message) write(writer, field)
        const whole = writer.finish()
        fc.pre(whole.length > 0)
        const reader = new ByteReader(whole.subarray(0, cut % whole.length))
        for (const field of message) {
          const hadFailed = reader.failed
          const value = read(reader, field)
          if (hadFailed || reader.failed)
            expect(value === 0 || (value as string).length === 0).toBe(true)
        }
        expect(reader.failed).toBe(true)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('reads anything without throwing or leaving its bytes', () => {
    const reads = fc.array(
      fc.oneof(
        fc.constantFrom<keyof ByteReader>('u8', 'u16', 'u32', 'f64', 'varint', 'rest', 'fail'),
        fc.tuple(
          fc.constantFrom<keyof ByteReader>('bytes', 'text', 'skip'),
          fc.oneof(fc.integer(), fc.double(), fc.nat({ max: 9 })),
        ),
      ),
    )
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), reads, (bytes, start, script) => {
        const offset = start % (bytes.length + 1)
        const reader = new ByteReader(bytes, offset)
        for (const step of script) {
          const [name, argument] = Array.isArray(step) ? step : [step, undefined]
          ;(reader[name] as (argument: unknown) => unknown).call(reader, argument)
          expect(Number.isInteger(reader.offset)).toBe(true)
          expect(reader.offset >= offset && reader.offset <= bytes.length).toBe(true)
          expect(reader.remaining).toBe(reader.failed ? 0 : bytes.length - reader.offset)
        }
      }),
    )
  })

  it('is little-endian, byte for byte', () => {
    const writer = new ByteWriter()
    writer.u8(0x01)
    writer.u16(0x0302)
    writer.u32(0xf7060504)
    writer.f64(1)
    writer.varint(300)
    writer.text('é')
    expect([...writer.view()]).toEqual([
      1, 2, 3, 4, 5, 6, 0xf7, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xac, 0x02, 2, 0xc3, 0xa9,
    ])
  })
})

describe('varints', () => {
  it('take the length that varintLength names, and read back', () => {
    fc.assert(
      fc.property(varints, fc.nat({ max: 5 }), (value, offset) => {
        const target = new Uint8Array(offset + 8)
        const end = writeVarint(target, offset, value)
        expect(end - offset).toBe(varintLength(value))
        const reader = new ByteReader(target, offset, end)
        expect(reader.varint()).toBe(value)
        expect(reader.failed).toBe(false)
        expect(reader.remaining).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  it('have one form for each value: what is accepted is what would be written', () => {
    const groups = fc.array(fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0x7f, 0x80, 0xff)), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(groups, (raw) => {
        const bytes = Uint8Array.from(raw)
        const reader = new ByteReader(bytes)
        const value = reader.varint()
        if (reader.failed) return
        const again = new Uint8Array(8)
        const end = writeVarint(again, 0, value)
        expect(again.subarray(0, end)).toEqual(bytes.subarray(0, reader.offset))
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['nothing', []],
    ['an end in the middle', [0x80]],
    ['a padded zero', [0x80, 0x00]],
    ['a padded one', [0x81, 0x80, 0x00]],
    ['2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['nine bytes', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['an endless one', new Array<number>(100).fill(0xff)],
  ])('are refused for %s', (_what, raw) => {
    const reader = new ByteReader(Uint8Array.from(raw))
    expect(reader.varint()).toBe(0)
    expect(reader.failed).toBe(true)
  })

  it('go up to 2^53 - 1', () => {
    const bytes = new Uint8Array(8)
    expect(writeVarint(bytes, 0, Number.MAX_SAFE_INTEGER)).toBe(8)
    expect([...bytes]).toEqual([255, 255, 255, 255, 255, 255, 255, 15])
    expect(new ByteReader(bytes).varint()).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('are not written for another value, nor past the end of the target', () => {
    const target = new Uint8Array(4)
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => writeVarint(target, 0, value)).toThrow(invariantViolated)
      expect(() => new ByteWriter().varint(value)).toThrow(invariantViolated)
    }
    expect(() => writeVarint(target, 4, 1)).toThrow(invariantViolated)
    expect(() => writeVarint(target, 3, 128)).toThrow(invariantViolated)
  })
})

describe('ByteReader', () => {
  it('gives views of the bytes, not copies', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4)
    const reader = new ByteReader(bytes)
    expect(reader.bytes(2).buffer).toBe(bytes.buffer)
    expect([...reader.rest()]).toEqual([3, 4])
    expect(reader.rest()).toHaveLength(0)
    expect(reader.failed).toBe(false)
  })

  it('does not read past the end it was given', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4), 1, 3)
    expect(reader.u16()).toBe(0x0302)
    expect(reader.u8()).toBe(0)
    expect(reader.failed).toBe(true)
  })

  it('fails for a text that is longer than allowed, cut, or not UTF-8', () => {
    const textOf = (raw: number[], bytesMax: number): [string, boolean] => {
      const reader = new ByteReader(Uint8Array.from(raw))
      return [reader.text(bytesMax), reader.failed]
    }
    expect(textOf([2, 0x68, 0x69], 2)).toEqual(['hi', false])
    expect(textOf([2, 0x68, 0x69], 1)).toEqual(['', true])
    expect(textOf([3, 0x68, 0x69], 9)).toEqual(['', true])
    expect(textOf([1, 0xc3], 9)).toEqual(['', true])
    expect(textOf([2, 0xc0, 0x80], 9)).toEqual(['', true])
    expect(textOf([3, 0xed, 0xa0, 0x80], 9)).toEqual(['', true])
    expect(textOf([0], 0)).toEqual(['', false])
    expect(textOf([40, ...new Array<number>(40).fill(0xff)], 40)).toEqual(['', true])
  })

  it('stays failed when the caller says so, and starts over on reset', () => {
    const reader = new ByteReader(Uint8Array.of(7, 8))
    reader.fail()
    expect([reader.u8(), reader.failed, reader.remaining]).toEqual([0, true, 0])
    reader.reset(Uint8Array.of(5, 6, 7), 1, 2)
    expect([reader.failed, reader.offset, reader.remaining]).toEqual([false, 1, 1])
    expect(reader.u8()).toBe(6)
  })

  it('skips, and fails when there is less to skip', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3))
    reader.skip(2)
    expect(reader.u8()).toBe(3)
    reader.skip(1)
    expect(reader.failed).toBe(true)
  })

  it('refuses bounds outside its bytes', () => {
    const bytes = new Uint8Array(4)
    expect(() => new ByteReader(bytes, 0, 5)).toThrow(invariantViolated)
    expect(() => new ByteReader(bytes, 5)).toThrow(invariantViolated)
    expect(() => new ByteReader(bytes, 3, 2)).toThrow(invariantViolated)
    expect(() => new ByteReader(bytes).reset(bytes, -1)).toThrow(invariantViolated)
  })
})

describe('ByteWriter', () => {
  it('refuses to grow past its bound and keeps what was written', () => {
    const writer = new ByteWriter({ initialBytes: 1, bytesMax: 4 })
    writer.bytes(Uint8Array.of(1, 2, 3))
    for (const attempt of [
      () => writer.u16(1),
      () => writer.bytes(new Uint8Array(2)),
      () => writer.text('x'.repeat(100)),
      () => writer.f64(0),
    ]) {
      expect(attempt).toThrow(
        expect.objectContaining({
          code: 'ERR_NODOSUM_MESSAGE_TOO_LARGE',
          details: { bytes: expect.any(Number), bytesMax: 4 },
        }),
      )
    }
    writer.u8(4)
    expect([...writer.finish()]).toEqual([1, 2, 3, 4])
  })

  it('never allocates more than its bound', () => {
    const writer = new ByteWriter({ initialBytes: 1_000, bytesMax: 10 })
    writer.bytes(new Uint8Array(10))
    expect(writer.view().buffer.byteLength).toBe(10)
  })

  it('refuses numbers that do not fit their field, and writes nothing of them', () => {
    const writer = new ByteWriter()
    for (const attempt of [
      () => writer.u8(256),
      () => writer.u8(-1),
      () => writer.u8(1.5),
      () => writer.u8(Number.NaN),
      () => writer.u16(65_536),
      () => writer.u16(-1),
      () => writer.u32(2 ** 32),
      () => writer.u32(-1),
      () => writer.u32(0.5),
    ]) {
      expect(attempt).toThrow(invariantViolated)
    }
    expect(writer.length).toBe(0)
  })

  it('finishes with a copy, shows a view, and can be used again', () => {
    const writer = new ByteWriter()
    writer.u8(1)
    const view = writer.view()
    const copy = writer.finish()
    writer.reset()
    expect(writer.length).toBe(0)
    writer.u8(2)
    expect([...view]).toEqual([2])
    expect([...copy]).toEqual([1])
    expect(copy.buffer.byteLength).toBe(1)
  })

  it('refuses sizes that are none', () => {
    for (const options of [{ initialBytes: -1 }, { initialBytes: 0.5 }, { bytesMax: 0 }]) {
      expect(() => new ByteWriter(options)).toThrow(invariantViolated)
    }
  })
})

describe('UTF-8', () => {
  it('round-trips every text, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(utf8Decode(utf8Encode(text))).toBe(text)
      }),
    )
    expect(utf8Decode(utf8Encode('\ufeffx'))).toBe('\ufeffx')
  })

  it('agrees with the runtime about which bytes are valid', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe2, 0x82, 0xac, 0xf0, 0x9f))
        .map((raw) => Uint8Array.from(raw)),
    )
    fc.assert(
      fc.property(bytes, (raw) => {
        let expected: string | undefined
        try {
          expected = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw)
        } catch {}
        expect(utf8Decode(raw)).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('writes a text with lone surrogates as the runtime encodes it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'é', '€', '😀', '\ud800', '\udc00', '\ue000')),
        (parts) => {
          const text = parts.join('')
          const writer = new ByteWriter()
          writer.text(text)
          const reader = new ByteReader(writer.view())
          expect(reader.varint()).toBe(utf8Encode(text).length)
          expect(reader.rest()).toEqual(utf8Encode(text))
        },
      ),
    )
  })
})

describe('what is copied', () => {
  it('is no part of where it came from, a Buffer least of all', () => {
    const source = Buffer.from([1, 2, 3, 4])
    const reader = new ByteReader(source)
    const copied = reader.copy(2)
    const viewed = reader.bytes(2)
    source.fill(9)
    expect([...copied]).toEqual([1, 2])
    expect([...viewed]).toEqual([9, 9])
    expect(reader.copy(1)).toHaveLength(0)
    expect(reader.failed).toBe(true)
  })
})
