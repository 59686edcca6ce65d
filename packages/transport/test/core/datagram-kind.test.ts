import { describe, expect, it } from 'vitest'
import { datagramKind } from '../../src/core/datagram-kind.ts'

describe('the kind of a datagram', () => {
  it('is told by the first byte alone, and no byte has two kinds', () => {
    const kinds = Array.from({ length: 256 }, (_, first) => datagramKind(first))
    const changes = kinds
      .map((kind, first) => `${kind} from 0x${first.toString(16).padStart(2, '0')}`)
      .filter((_, first) => kinds[first] !== kinds[first - 1])
    expect(changes).toEqual([
      'gossip from 0x00',
      'handshake from 0x10',
      'none from 0x20',
      'short from 0x40',
      'none from 0x80',
      'long from 0xc0',
    ])
  })
})
