import { ByteReader, ByteWriter } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeHeaders,
  type Envelope,
  encodeHeaders,
  headersMax,
  headerValueBytesMax,
  keyBytesMax,
  plainEnvelope,
} from '../../src/wire/envelope.ts'

function sent(envelope: Partial<Envelope>): Uint8Array {
  const block = encodeHeaders(envelope)
  if (block === null) throw new Error('there is no header block')
  return block
}

function received(bytes: Uint8Array): Envelope & { failed: boolean; remaining: number } {
  const reader = new ByteReader(bytes)
  const envelope = decodeHeaders(reader)
  const headers = { ...envelope.headers }
  return { ...envelope, headers, failed: reader.failed, remaining: reader.remaining }
}

const text = fc.string({ maxLength: 100, unit: 'grapheme' })
const name = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'abcXYZ09._-') })
const tags = fc.dictionary(name, text, { minKeys: 1, maxKeys: 16 })

describe('a header block', () => {
  it('arrives as it was sent', () => {
    const envelopes = fc.record({
      key: fc.option(text),
      attempt: fc.integer({ min: 1, max: 100 }),
      redelivered: fc.boolean(),
      headers: fc.dictionary(name, text, { maxKeys: headersMax }),
      group: fc.option(fc.record({ match: tags, except: fc.option(tags) })),
    })
    fc.assert(
      fc.property(envelopes, (envelope) => {
        // Only a key has a group, and only what was sent again can have been handled before.
        const expected = {
          ...envelope,
          group: envelope.key === null ? null : envelope.group,
          redelivered: envelope.attempt > 1 && envelope.redelivered,
        }
        const block = encodeHeaders(envelope)
        const back = block === null ? plainEnvelope : received(block)
        expect(JSON.parse(JSON.stringify(back))).toMatchObject(JSON.parse(JSON.stringify(expected)))
        expect(back).not.toMatchObject({ failed: true })
      }),
    )
  })

  it('is not there when there is nothing to say', () => {
    expect(encodeHeaders({ key: null, attempt: 1, redelivered: true, headers: {} })).toBe(null)
  })

  it('with entries that are not known is read past them', () => {
    // Entry 7 of two bytes, then entry 1 with the key "k".
    const bytes = Uint8Array.of(7, 7, 2, 0xff, 0xff, 1, 1, 0x6b)
    expect(received(bytes)).toMatchObject({ key: 'k', failed: false, remaining: 0 })
  })

  it.each<[string, Partial<Envelope>]>([
    ['a key that is too long', { key: 'x'.repeat(keyBytesMax + 1) }],
    ['a value that is too long', { headers: { a: 'x'.repeat(headerValueBytesMax + 1) } }],
    ['a name that is too long', { headers: { ['a'.repeat(65)]: 'x' } }],
    [
      'too many headers',
      {
        headers: Object.fromEntries(
          Array.from({ length: headersMax + 1 }, (_, index) => [`h${index}`, '']),
        ),
      },
    ],
    [
      'too many tags',
      {
        key: 'k',
        group: {
          match: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`t${index}`, ''])),
          except: null,
        },
      },
    ],
  ])('with %s fails', (_what, envelope) => {
    expect(received(sent(envelope)).failed).toBe(true)
  })

  it('sets no prototype, whatever a header is called', () => {
    const block = new ByteWriter()
    block.varint(9)
    const entry = new ByteWriter()
    entry.text('__proto__')
    entry.text('polluted')
    block.varint(entry.length)
    block.bytes(entry.view())
    const whole = new ByteWriter()
    whole.varint(block.length)
    whole.bytes(block.view())
    const { headers } = decodeHeaders(new ByteReader(whole.finish()))
    expect(Object.keys(headers)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(headers)).toBe(null)
  })

  it('of rubbish throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decodeHeaders(new ByteReader(bytes))).not.toThrow()
      }),
      { numRuns: 3_000 },
    )
  })
})
