import { describe, expect, it } from 'vitest'
import { PacketSize } from '../../src/core/packet-size.ts'

/** A path that carries so many bytes, and time that passes only in it. */
class Path {
  carriesBytes: number
  /** Nothing passes at all. */
  isDown = false
  nowMs = 0
  received = 0
  readonly probed: number[] = []
  readonly size: PacketSize

  constructor(carriesBytes: number, rungs: number[], startBytes: number) {
    this.carriesBytes = carriesBytes
    this.size = new PacketSize(rungs, startBytes, 0)
  }

  run(ms: number): void {
    const end = this.nowMs + ms
    for (; this.nowMs <= end; this.nowMs += 10) {
      // Small packets come all the time.
      if (!this.isDown) this.received += 1
      const probe = this.size.next(this.nowMs, this.received)
      if (probe === null) continue
      this.probed.push(probe.bytes)
      this.size.sent(probe, probe.bytes, this.nowMs, 300, this.received)
      if (probe.bytes > this.carriesBytes || this.isDown) continue
      this.received += 1
      this.size.answered(probe.number, this.nowMs)
    }
  }
}

const rungs = [1_350, 1_452]

describe('the packet size', () => {
  it('rises step by step to the largest that the path carries', () => {
    const wide = new Path(9_000, rungs, 1_200)
    wide.run(100)
    expect(wide.size.bytes).toBe(1_452)
    expect(wide.probed).toEqual([1_350, 1_452])
    expect(wide.size.deadlineMs).toBe(Number.POSITIVE_INFINITY)

    const narrow = new Path(1_400, rungs, 1_200)
    narrow.run(2_000)
    expect(narrow.size.bytes).toBe(1_350)
    expect(narrow.probed).toEqual([1_350, 1_452, 1_452, 1_452, 1_452])
  })

  it('is tried again later, after growing pauses, when the path had not carried it', () => {
    const path = new Path(1_200, rungs, 1_200)
    path.run(4_000)
    expect(path.probed).toHaveLength(4)
    path.run(15_000)
    expect(path.probed).toHaveLength(12)
    path.carriesBytes = 1_452
    path.run(60_000)
    expect(path.size.bytes).toBe(1_452)
  })

  it('falls at once when nothing comes through, and is back when a probe of it is', () => {
    const path = new Path(1_452, rungs, 1_452)
    expect(path.size.doubt(path.nowMs, true)).toBe(true)
    expect(path.size.bytes).toBe(1_200)
    path.run(10)
    expect(path.size.bytes).toBe(1_452)
    expect(path.probed).toEqual([1_452])
  })

  it('stays during a probe after single losses, and falls when that is not answered', () => {
    const path = new Path(1_300, rungs, 1_452)
    expect(path.size.doubt(path.nowMs, false)).toBe(false)
    expect(path.size.bytes).toBe(1_452)
    path.run(400)
    expect(path.size.bytes).toBe(1_200)
    path.run(1_500)
    expect(path.probed).toEqual([1_452, 1_452, 1_452, 1_452])
    // Then from below: the path may carry something between.
    path.carriesBytes = 1_400
    path.run(6_000)
    expect(path.size.bytes).toBe(1_350)
  })

  it('is not given up because of a peer that is silent altogether', () => {
    const path = new Path(1_452, rungs, 1_452)
    path.isDown = true
    path.size.doubt(path.nowMs, true)
    path.run(5_000)
    path.isDown = false
    path.run(400)
    expect(path.size.bytes).toBe(1_452)
  })

  it('is doubted once a second at most, or a lossy path would never be used', () => {
    const path = new Path(1_452, rungs, 1_452)
    path.size.doubt(0, true)
    path.run(20)
    expect(path.size.doubt(path.nowMs, true)).toBe(false)
    expect(path.size.bytes).toBe(1_452)
    path.run(1_000)
    expect(path.size.doubt(path.nowMs, true)).toBe(true)
  })

  it('heeds no answers but those to the probes of the size under examination', () => {
    const path = new Path(9_000, rungs, 1_200)
    const probe = path.size.next(0, 1)
    if (probe === null) throw new Error('no probe')
    expect(path.size.answered(probe.number, 0)).toBe(false)
    path.size.sent(probe, 1_347, 0, 300, 1)
    expect(path.size.answered(probe.number + 1, 1)).toBe(false)
    expect(path.size.answered(probe.number, 1)).toBe(true)
    // What was proven, not what was wanted.
    expect(path.size.bytes).toBe(1_347)
    expect(path.size.answered(probe.number, 2)).toBe(false)
  })

  it('waits for room when a probe cannot leave', () => {
    const path = new Path(9_000, rungs, 1_200)
    path.size.next(0, 1)
    path.size.hadNoRoom(0)
    expect(path.size.deadlineMs).toBeGreaterThan(0)
    path.run(100)
    expect(path.size.bytes).toBe(1_452)
  })
})
