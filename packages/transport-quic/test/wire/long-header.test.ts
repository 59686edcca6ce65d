import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  connectionIdBytes,
  hasLongHeader,
  initialDatagramBytesMin,
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
