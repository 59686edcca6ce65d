import { describe, expect, it } from 'vitest'
import { ConnectionMeter } from '../../src/driver/connection-meter.ts'
import type { EngineConnection } from '../../src/ports.ts'

describe('the meter of a connection', () => {
  it('asks the engine once a second at most, and counts traffic itself', () => {
    let asked = 0
    let rtt = 5
    const engine = {
      stats: () => ({ sent: 1, lost: 2, peerMaxIdleTimeout: 0 }),
      pathStats: () => {
        asked += 1
        return [{ rtt, cwnd: 12_000 }]
      },
    } as unknown as EngineConnection
    const meter = new ConnectionMeter(engine)
    expect(meter.reading(0)).toEqual({ rttMs: 5, congestionWindowBytes: 12_000, lostPackets: 2 })
    rtt = 7
    for (let nowMs = 1; nowMs < 1_000; nowMs += 1) expect(meter.reading(nowMs).rttMs).toBe(5)
    expect(asked).toBe(1)
    expect(meter.reading(1_000).rttMs).toBe(7)
    meter.received(100)
    meter.sent({ bytes: 3_000, packets: 2 })
    expect(meter).toMatchObject({
      receivedBytes: 100,
      receivedPackets: 1,
      sentBytes: 3_000,
      sentPackets: 2,
    })
  })
})
