import { describe, expect, it } from 'vitest'
import { RefusedPackets } from '../../src/driver/refused-packets.ts'

const from = (last: number): { host: string; port: number } => ({
  host: `10.0.0.${last}`,
  port: 6969,
})
const refusedPackets = (): RefusedPackets => new RefusedPackets({ cluster: 'shop', nowMs: 0 })

describe('packets that do not open', () => {
  it('are warned of once for each source, with the reason and what to compare', () => {
    const packets = refusedPackets()
    const first = packets.refused(1, from(7), 'unknownKey')
    expect(first).toContain("packets from 10.0.0.7:6969 do not open with this node's gossip keys")
    expect(packets.refused(2, from(7), 'unknownKey')).toBeNull()
    const other = packets.refused(3, from(7), 'forged')
    expect(other).toContain('belong to another cluster')
    expect(other).toContain('"shop"')
    expect(packets.refused(4, { host: 'fd00::7', port: 1 }, 'unknownKey')).toContain('[fd00::7]:1 ')
    expect(packets.refused(700_000, from(7), 'forged')).not.toBeNull()
  })

  it('fill neither the log nor the memory from made-up sources', () => {
    const packets = refusedPackets()
    let warned = 0
    for (let count = 0; count < 10_000; count++) {
      const source = { host: `10.1.${count >> 8}.${count & 255}`, port: 1 }
      if (packets.refused(count, source, 'unknownKey') !== null) warned += 1
    }
    // A burst of 4, and one more after the first 10 seconds.
    expect(warned).toBeLessThanOrEqual(5)
    expect(packets.last).toContain('10.1.39.15:1')
  })

  it('say nothing when they are only repetitions, echoes or scraps', () => {
    const packets = refusedPackets()
    for (const reason of ['replayed', 'reflected', 'tooShort', null] as const) {
      expect(packets.refused(1, from(7), reason)).toBeNull()
    }
    expect(packets.last).toBeNull()
  })
})
