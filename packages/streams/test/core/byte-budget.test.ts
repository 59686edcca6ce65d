import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { ReceiveWindow } from '../../src/core/receive-window.ts'
import { sessionRules } from '../../src/core/rules.ts'
import { SendStream, streamBytesMin } from '../../src/core/send-stream.ts'
import { SlabPool } from '../../src/core/slab-pool.ts'

const limits = { laneWindowBytesMin: 131_072, laneWindowBytes: 2_097_152 }

function streamOf(budget: ByteBudget): SendStream {
  return new SendStream({
    stream: 1,
    label: 'x/y',
    laneClass: 'bulk',
    bufferBytesMax: 4_194_304,
    budget,
    creditLimit: 1_000_000_000,
    pool: new SlabPool((bytes) => new Uint8Array(bytes), 8),
    rules: sessionRules,
    wake: (stream) => {
      stream.isListed = true
    },
  })
}

function fill(stream: SendStream, bytes: number): void {
  while (stream.hasRoom(bytes)) stream.frame(0x90, 0, bytes)
}

describe('what many streams keep together', () => {
  it('is bounded for the node, and each has its minimum all the same', () => {
    const node = new ByteBudget(1_000_000, sessionRules)
    const streams = [1, 2, 3].map(() => streamOf(new ByteBudget(50_000_000, sessionRules, node)))
    for (const stream of streams) fill(stream, 10_000)
    expect(node.bytes).toBeLessThanOrEqual(1_000_000 + 3 * streamBytesMin)
    expect(node.snapshot().refused).toBeGreaterThan(0)
    const [first, second, third] = streams.map(({ bufferedBytes }) => bufferedBytes)
    expect(first).toBeGreaterThan(900_000)
    for (const kept of [second, third]) {
      expect(kept).toBeGreaterThan(streamBytesMin - 20_000)
      expect(kept).toBeLessThanOrEqual(streamBytesMin)
    }
  })

  it('is bounded for the session before the node is full', () => {
    const node = new ByteBudget(50_000_000, sessionRules)
    const session = new ByteBudget(500_000, sessionRules, node)
    fill(streamOf(session), 10_000)
    expect(session.bytes).toBeGreaterThan(480_000)
    expect(session.bytes).toBeLessThanOrEqual(500_000)
  })

  it('is counted, and returned to the byte, whatever is written, acknowledged, resumed and ended', () => {
    const act = fc.oneof(
      fc.record({
        what: fc.constant('write' as const),
        bytes: fc.integer({ min: 1, max: 300_000 }),
      }),
      fc.record({ what: fc.constantFrom('send', 'resume', 'acknowledge'), bytes: fc.nat(10) }),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const node = new ByteBudget(20_000_000, sessionRules)
        const stream = streamOf(new ByteBudget(20_000_000, sessionRules, node))
        let sent = 0
        for (const { what, bytes } of acts) {
          if (what === 'write' && stream.hasRoom(bytes)) stream.frame(0x90, 0, bytes)
          if (what === 'send')
            for (let next = stream.next(); next; next = stream.next()) sent = next.last
          const sequence = Math.max(0, sent - bytes)
          if (what === 'acknowledge') stream.acknowledged(sequence, 1_000_000_000)
          if (what === 'resume') stream.resumed(sequence + 1, 1_000_000_000)
          expect(node.bytes).toBeGreaterThanOrEqual(stream.bufferedBytes)
          expect(node.bytes).toBeLessThan(stream.bufferedBytes + 40_000)
        }
        for (let next = stream.next(); next; next = stream.next()) sent = next.last
        stream.acknowledged(sent, 1_000_000_000)
        expect(node.bytes).toBe(0)
        stream.close()
        expect(node.bytes).toBe(0)
      }),
      {
        examples: [
          // Cut by the next message, which has its own place by then.
          [[131_073, 32_764].map((bytes) => ({ what: 'write' as const, bytes }))],
        ],
      },
    )
  })
})

describe('what peers may send', () => {
  it('starts small and doubles while it is used up quickly', () => {
    const node = new ByteBudget(100_000_000, sessionRules)
    const window = new ReceiveWindow(limits, node, sessionRules)
    expect(window.bytes).toBe(131_072)
    for (let nowMs = 0; nowMs < 400; nowMs += 10) window.used(131_072, nowMs)
    expect(window.bytes).toBe(2_097_152)
    expect(node.bytes).toBe(window.bytes)
    window.close('closed')
    window.close('closed')
    expect(node.bytes).toBe(0)
  })

  it('stays small on a lane that takes its time', () => {
    const window = new ReceiveWindow(limits, new ByteBudget(9e9, sessionRules), sessionRules)
    for (let nowMs = 0; nowMs < 60_000; nowMs += 200) window.used(65_536, nowMs)
    expect(window.bytes).toBe(131_072)
  })

  it('is bounded for all lanes together, and each lane keeps what it started with', () => {
    const node = new ByteBudget(3_000_000, sessionRules)
    const windows = Array.from({ length: 40 }, () => new ReceiveWindow(limits, node, sessionRules))
    // 40 lanes start with more than there is; lanes that come to use theirs shrink to it again.
    for (let nowMs = 0; nowMs < 1_000; nowMs += 10) {
      for (const window of windows) window.used(131_072, nowMs)
    }
    expect(windows.map(({ bytes }) => bytes)).toEqual(windows.map(() => 131_072))
    for (const window of windows.slice(1)) window.close('closed')
    for (let nowMs = 1_000; nowMs < 2_000; nowMs += 10) windows[0]?.used(131_072, nowMs)
    expect(windows[0]?.bytes).toBe(2_097_152)
  })

  it('gives back what it granted while minimums need it', () => {
    const node = new ByteBudget(2_200_000, sessionRules)
    const first = new ReceiveWindow(limits, node, sessionRules)
    for (let nowMs = 0; nowMs < 400; nowMs += 10) first.used(131_072, nowMs)
    expect(first.bytes).toBe(2_097_152)
    const others = [1, 2, 3].map(() => new ReceiveWindow(limits, node, sessionRules))
    expect(node.isExceeded).toBe(true)
    for (let nowMs = 400; nowMs < 800; nowMs += 10) first.used(131_072, nowMs)
    expect(node.isExceeded).toBe(false)
    expect(others.every(({ bytes }) => bytes === 131_072)).toBe(true)
  })
})
