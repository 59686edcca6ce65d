import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  connectionIdBytes,
  hasLongHeader,
  initialDatagramBytesMin,
  readInitialFields,
  readLongHeader,
} from '../../src/wire/long-header.ts'

interface Parts {
  readonly first?: number
  readonly version?: number
  readonly id?: Uint8Array
  readonly length?: number
}

/** The start of a long header packet (RFC 8999, section 5.1), filled up to `length`. */
function packet({ first = 0xc0, version = 1, id = new Uint8Array(20), length = 1_200 }: Parts) {
  const bytes = Buffer.alloc(Math.max(length, 6 + id.length))
  bytes[0] = first
  bytes.writeUInt32BE(version, 1)
  bytes[5] = id.length
  bytes.set(id, 6)
  return bytes
}

describe('a long header', () => {
  it('is told from a short one by its highest bit', () => {
    for (let first = 0; first < 256; first += 1) expect(hasLongHeader(first)).toBe(first >= 0x80)
  })

  it('yields the destination id of every length that the version allows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: connectionIdBytes }), (id) => {
        const bytes = packet({ id })
        const header = readLongHeader(bytes)
        const { idOffset = 0, idLength = 0 } = header ?? {}
        expect(header).toBeDefined()
        expect([...bytes.subarray(idOffset, idOffset + idLength)]).toEqual([...id])
        expect(header?.opens).toBe(id.length >= 8)
      }),
    )
  })

  it('opens a connection only as an Initial in a datagram of at least 1,200 bytes', () => {
    const opens = (parts: Parts): boolean | undefined => readLongHeader(packet(parts))?.opens
    // Types: 0 Initial, 1 early data, 2 Handshake, 3 Retry.
    expect([0xc0, 0xd0, 0xe0, 0xf0].map((first) => opens({ first }))).toEqual([
      true,
      false,
      false,
      false,
    ])
    expect(opens({ length: initialDatagramBytesMin })).toBe(true)
    expect(opens({ length: initialDatagramBytesMin - 1 })).toBe(false)
    expect(opens({ id: new Uint8Array(8) })).toBe(true)
    expect(opens({ id: new Uint8Array(7) })).toBe(false)
  })

  it('of another version, or with a longer id than the version allows, is not read', () => {
    for (const version of [0, 2, 0x0a0a_0a0a, 0x6b33_43cf, 0x0100_0000]) {
      expect(readLongHeader(packet({ version })), String(version)).toBeUndefined()
    }
    expect(readLongHeader(packet({ id: new Uint8Array(21) }))).toBeUndefined()
  })

  it('that is cut off inside its id is not read', () => {
    const whole = packet({ length: 0 })
    for (let length = 0; length < whole.length; length += 1) {
      expect(readLongHeader(whole.subarray(0, length)), String(length)).toBeUndefined()
    }
    expect(readLongHeader(whole)).toMatchObject({ idOffset: 6, idLength: 20, opens: false })
  })

  it('never throws and never points outside the packet, whatever arrives', () => {
    const garbage = fc.uint8Array({ maxLength: 1_300 })
    const almost = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 1 }), fc.uint8Array({ maxLength: 60 }))
      .map(([first, rest]) => Buffer.concat([first, Buffer.of(0, 0, 0, 1), rest]))
    fc.assert(
      fc.property(fc.oneof(garbage, almost), (bytes) => {
        const header = readLongHeader(bytes)
        if (header === undefined) return
        expect(header.idLength).toBeLessThanOrEqual(connectionIdBytes)
        expect(header.idOffset + header.idLength).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('an Initial', () => {
  const header = { idOffset: 6, idLength: 20, opens: true }

  function initial(sourceId: Uint8Array, token: Uint8Array, tokenLength: Uint8Array): Buffer {
    const source = Buffer.concat([Buffer.of(sourceId.length), sourceId])
    return Buffer.concat([packet({ length: 0 }), source, tokenLength, token])
  }

  it('yields both ids and the token, however long that is', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 1_100 }))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), lengths, (sourceId, length) => {
        const token = Buffer.alloc(length, 7)
        const prefix =
          length < 0x40 ? Buffer.of(length) : Buffer.of(0x40 | (length >> 8), length & 0xff)
        const fields = readInitialFields(initial(sourceId, token, prefix), header)
        expect(fields?.destinationId).toHaveLength(20)
        expect([...(fields?.sourceId ?? [])]).toEqual([...sourceId])
        expect(fields?.token).toHaveLength(length)
      }),
    )
  })

  it('that is cut off, or says more than it holds, is not read', () => {
    const whole = initial(new Uint8Array(20), Buffer.alloc(30), Buffer.of(30))
    expect(readInitialFields(whole, header)?.token).toHaveLength(30)
    for (let length = 0; length < whole.length; length += 1) {
      expect(readInitialFields(whole.subarray(0, length), header), String(length)).toBeUndefined()
    }
    const refused = [
      initial(new Uint8Array(21), Buffer.alloc(0), Buffer.of(0)),
      initial(new Uint8Array(20), Buffer.alloc(30), Buffer.of(31)),
      initial(new Uint8Array(20), Buffer.alloc(30), Buffer.of(0x40, 31)),
      // Four and eight bytes of length: no datagram holds so long a token.
      initial(new Uint8Array(20), Buffer.alloc(30), Buffer.of(0x80, 0, 0, 30)),
      initial(new Uint8Array(20), Buffer.alloc(30), Buffer.of(0xc0, 0, 0, 0, 0, 0, 0, 30)),
    ]
    for (const [index, bytes] of refused.entries()) {
      expect(readInitialFields(bytes, header), String(index)).toBeUndefined()
    }
  })
})
