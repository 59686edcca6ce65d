import { describe, expect, it } from 'vitest'
import { ConnectionMeter } from '../../src/driver/connection-meter.ts'
import type { EngineConnection } from '../../src/ports.ts'

describe('the meter of a connection', () => {
  it('walks the paths of the engine once a second at most, and counts what was sent itself', () => {
    let asked = 0
    let rtt = 5
    const engine = {
      stats: () => ({ recv: 0, recvBytes: 0, lost: 2, peerMaxIdleTimeout: 0 }),
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
    meter.sent({ bytes: 3_000, packets: 2 })
    expect(meter).toMatchObject({ sentBytes: 3_000, sentPackets: 2 })
  })

  it('has heard the peer when the engine has taken packets since it was asked', () => {
    const counted = { recv: 0, recvBytes: 0, lost: 0, peerMaxIdleTimeout: 0 }
    const meter = new ConnectionMeter({ stats: () => counted } as unknown as EngineConnection)
    expect(meter.hasHeardPeer()).toBe(false)
    Object.assign(counted, { recv: 3, recvBytes: 900 })
    expect([meter.hasHeardPeer(), meter.hasHeardPeer()]).toEqual([true, false])
    expect(meter.receivedBytes).toBe(900)
  })
})
