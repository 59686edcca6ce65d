import { seededRandom } from '@nodosum/kernel'
import { type SimulatedScheduler, simulatedScheduler } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { newTally, type Tally } from '../../../src/fault-proxy/core/counters.ts'
import { perfectTcp, type TcpFaults } from '../../../src/fault-proxy/core/faults.ts'
import { Wire } from '../../../src/fault-proxy/core/link.ts'
import { StreamFaults } from '../../../src/fault-proxy/core/stream-faults.ts'
import { TcpLane } from '../../../src/fault-proxy/driver/tcp-lane.ts'

interface World {
  readonly lane: TcpLane
  readonly scheduler: SimulatedScheduler
  readonly tally: Tally
  /** What came out, in order. */
  readonly out: string[]
  readonly source: { isPaused: boolean }
  readonly sink: { writableLength: number }
  set(change: Partial<TcpFaults>): void
  take(...texts: string[]): void
}

function world(change: Partial<TcpFaults> = {}, bytesMax = 65_536): World {
  let faults: TcpFaults = { ...perfectTcp, ...change }
  const scheduler = simulatedScheduler()
  const tally = newTally()
  const out: string[] = []
  const source = {
    isPaused: false,
    pause: () => {
      source.isPaused = true
    },
    resume: () => {
      source.isPaused = false
    },
  }
  const sink = {
    writableLength: 0,
    write: (bytes: Uint8Array) => out.push(Buffer.from(bytes).toString()) > 0,
    end: () => out.push('END'),
  }
  const lane: TcpLane = new TcpLane({
    scheduler,
    tally,
    decisions: new StreamFaults(seededRandom(1), tally, new Wire()),
    faults: () => faults,
    bytesMax,
    source,
    sink,
    onReset: (where) => {
      out.push(`RESET ${where}`)
      lane.die()
    },
  })
  return {
    lane,
    scheduler,
    tally,
    out,
    source,
    sink,
    set: (next) => {
      faults = { ...faults, ...next }
      lane.release()
    },
    take: (...texts) => {
      for (const text of texts) lane.take(Buffer.from(text))
    },
  }
}

describe('a lane of a connection', () => {
  it('passes everything at once when nothing is wrong, and the end after it', () => {
    const { take, lane, out, tally } = world()
    take('a', 'b')
    lane.takeEnd()
    expect(out).toEqual(['a', 'b', 'END'])
    expect(tally).toMatchObject({ received: 2, delivered: 2, deliveredBytes: 2 })
  })

  it('delays bytes, end and reset alike, in their order', () => {
    const { take, lane, out, scheduler } = world({ delayMs: 50, jitterMs: 20 })
    take('a')
    scheduler.runFor(20)
    take('b')
    lane.takeEnd()
    lane.takeReset()
    scheduler.runFor(9)
    expect(out).toEqual([])
    scheduler.runFor(71)
    expect(out).toEqual(['a', 'b', 'END', 'RESET sink'])
  })

  it('holds everything while stalled, bytes and end', () => {
    const { take, lane, out, set, scheduler, tally } = world({ stall: true })
    take('a')
    lane.takeEnd()
    scheduler.runFor(100_000)
    expect(out).toEqual([])
    set({ stall: false })
    expect(out).toEqual(['a', 'END'])
    expect(tally.stall).toBe(2)
  })

  it('gets stuck at the first chunk that is too large, until the blackhole is gone', () => {
    const { take, out, set, tally } = world({ blackholeAboveBytes: 3 })
    take('abc', 'abcd', 'e')
    set({})
    expect(out).toEqual(['abc'])
    expect(tally.blackhole).toBe(1)
    set({ blackholeAboveBytes: null })
    expect(out).toEqual(['abc', 'abcd', 'e'])
  })

  it('resets both ends when the bytes have passed, to the byte', () => {
    const { take, out, tally } = world({ resetAfterBytes: 5 })
    take('abc', 'def', 'ghi')
    expect(out).toEqual(['abc', 'de', 'RESET both'])
    expect(tally).toMatchObject({
      reset: 1,
      receivedBytes: 9,
      deliveredBytes: 5,
      discardedBytes: 4,
    })
  })

  it('resets as soon as the last of those bytes has passed', () => {
    const { take, out } = world({ resetAfterBytes: 3 })
    take('abc')
    expect(out).toEqual(['abc', 'RESET both'])
  })

  it('swallows what comes while half open, and stays dead after', () => {
    const { take, lane, out, set, tally } = world()
    take('a')
    set({ halfOpen: true })
    take('lost')
    lane.takeReset()
    set({ halfOpen: false })
    take('after a hole')
    lane.takeEnd()
    expect(out).toEqual(['a'])
    expect(tally).toMatchObject({ halfOpen: 1, discarded: 2, discardedBytes: 16 })
  })

  it('lives on when nothing came while it was half open', () => {
    const { take, out, set } = world({ halfOpen: true })
    set({ halfOpen: false })
    take('a')
    expect(out).toEqual(['a'])
  })

  it('stops reading when as much is under way as may be, and goes on below half', () => {
    const { take, set, source } = world({ stall: true }, 65_536)
    take('x'.repeat(65_535))
    expect(source.isPaused).toBe(false)
    take('x')
    expect(source.isPaused).toBe(true)
    set({ stall: false })
    expect(source.isPaused).toBe(false)
  })

  it('counts what the sink has not sent as under way', () => {
    const { take, lane, source, sink } = world({}, 65_536)
    sink.writableLength = 65_536
    take('x')
    expect(source.isPaused).toBe(true)
    sink.writableLength = 32_768
    lane.release()
    expect(source.isPaused).toBe(true)
    sink.writableLength = 32_767
    lane.release()
    expect(source.isPaused).toBe(false)
  })

  it('stops reading at many tiny chunks, too', () => {
    const { take, source } = world({ stall: true })
    for (let at = 0; at < 16_383; at++) take('x')
    expect(source.isPaused).toBe(false)
    take('x')
    expect(source.isPaused).toBe(true)
  })

  it('discards what is under way when its sink dies, and reads on to hear of the end', () => {
    const { take, lane, out, source, scheduler, tally } = world({ delayMs: 50 }, 65_536)
    take('x'.repeat(70_000))
    expect(source.isPaused).toBe(true)
    lane.die()
    expect(source.isPaused).toBe(false)
    take('y')
    scheduler.runFor(100)
    expect(out).toEqual([])
    expect(scheduler.pendingTimers).toBe(0)
    expect(tally).toMatchObject({ receivedBytes: 70_001, discardedBytes: 70_001 })
  })
})
