import { describe, expect, it } from 'vitest'
import { hasLongHeader } from '../../src/wire/long-header.ts'
import { readForgotten, writeForgotten } from '../../src/wire/sealed-word.ts'

describe('the word for a connection that is not known', () => {
  it('holds its id, and cannot be taken for a datagram of QUIC', () => {
    const id = Uint8Array.from({ length: 20 }, (_, index) => 0xff - index)
    const word = writeForgotten(id)
    expect(word).toHaveLength(21)
    expect(hasLongHeader(word[0] as number)).toBe(false)
    expect([...(readForgotten(word) ?? [])]).toEqual([...id])
  })

  it('is not read from anything else', () => {
    const word = writeForgotten(new Uint8Array(20))
    const others = [
      new Uint8Array(0),
      word.subarray(0, 20),
      Buffer.concat([word, Buffer.of(0)]),
      Buffer.concat([Buffer.of(2), word.subarray(1)]),
    ]
    for (const other of others) expect(readForgotten(other)).toBeUndefined()
  })
})
