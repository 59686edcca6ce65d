import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { sessionRules } from '../../src/core/rules.ts'
import { interactiveWeight, SendSchedule } from '../../src/core/send-schedule.ts'
import { SendStream } from '../../src/core/send-stream.ts'
import { SlabPool } from '../../src/core/slab-pool.ts'
import type { LaneClass } from '../../src/wire/open.ts'

const spareBytes = 131_072
const waitMaxMs = 500
const bodyBytes = 50_000

/** A schedule, streams to write to, and a path that carries what it is told to. */
class Path {
  readonly schedule = new SendSchedule(
    { pathSpareBytes: spareBytes, scheduledWaitMaxMs: waitMaxMs },
    sessionRules,
  )
  readonly left: { readonly name: string; readonly bytes: number }[] = []
  nowMs = 0
  #handed = 0
  #arrived = 0
  #streams = 0

  stream(laneClass: LaneClass | null): SendStream {
    return new SendStream({
      stream: this.#streams++,
      label: laneClass ?? 'control',
      laneClass,
      bufferBytesMax: 1_000_000_000,
      budget: new ByteBudget(1_000_000_000, sessionRules),
      creditLimit: 1_000_000_000,
      pool: new SlabPool((bytes) => new Uint8Array(bytes), 4),
      rules: sessionRules,
      wake: (stream) => this.schedule.add(stream),
    })
  }

  /** Hands over what may leave; returns whose pieces those were. */
  flush(): string[] {
    const names: string[] = []
    this.schedule.turn(this.nowMs)
    for (let next = this.schedule.next(); next !== null; next = this.schedule.next()) {
      const { label } = next.stream
      const bytes = next.piece.bytes.length + (next.piece.tail?.length ?? 0)
      names.push(label)
      this.left.push({ name: label, bytes })
      if (label !== 'control') this.#handed += bytes
    }
    return names
  }

  get flightBytes(): number {
    return this.#handed - this.#arrived
  }

  arrive(bytes: number): void {
    this.#arrived = Math.min(this.#handed, this.#arrived + bytes)
    this.schedule.flight.arrived(this.#arrived)
  }

  bytesOf(name: string): number {
    return this.left.reduce((sum, each) => sum + (each.name === name ? each.bytes : 0), 0)
  }
}

function write(stream: SendStream, messages: number): void {
  for (let count = 0; count < messages; count++) stream.frame(0x90, 0, bodyBytes)
}

describe('what leaves first', () => {
  it('is control, then interactive, then bulk, then scheduled, whoever wrote first', () => {
    const path = new Path()
    const classes = ['scheduled', 'bulk', 'interactive', null] as const
    for (const laneClass of classes) write(path.stream(laneClass), 1)
    expect(path.flush()).toEqual(['control', 'interactive', 'bulk', 'scheduled'])
  })

  it('is bulk only as far as the path has room, and goes on with what arrives', () => {
    const path = new Path()
    write(path.stream('bulk'), 100)
    path.flush()
    const first = path.flightBytes
    expect(first).toBeGreaterThanOrEqual(spareBytes)
    expect(first).toBeLessThan(spareBytes + 2 * bodyBytes)
    expect(path.flush()).toEqual([])
    path.arrive(first)
    expect(path.flush().length).toBeGreaterThan(1)
  })

  it('is interactive even when the path is full', () => {
    const path = new Path()
    write(path.stream('bulk'), 100)
    path.flush()
    write(path.stream('interactive'), 1)
    expect(path.flush()).toEqual(['interactive'])
  })

  it('is scheduled when it has waited for so long, though others fill the path', () => {
    const path = new Path()
    const bulk = path.stream('bulk')
    write(path.stream('scheduled'), 3)
    write(bulk, 100)
    // The path is filled with bulk, which takes every byte that gets free.
    for (; path.nowMs < waitMaxMs; path.nowMs += 50) {
      expect(path.flush()).not.toContain('scheduled')
      path.arrive(bodyBytes)
      expect(path.schedule.deadlineMs(null)).toBeLessThanOrEqual(waitMaxMs)
    }
    expect(path.flush().filter((name) => name === 'scheduled')).toHaveLength(1)
    expect(path.schedule.deadlineMs(null)).toBe(path.nowMs + waitMaxMs)
  })

  it('takes turns inside a class', () => {
    const path = new Path()
    const [one, other] = [path.stream('interactive'), path.stream('interactive')]
    write(one, 4)
    write(other, 4)
    path.schedule.turn(0)
    const streams = [1, 2, 3, 4].map(() => path.schedule.next()?.stream)
    expect(streams).toEqual([one, other, one, other])
  })

  it('leaves no class out, whatever the others write and however the path moves', () => {
    const step = fc.record({
      interactive: fc.nat(12),
      bulk: fc.nat(12),
      scheduled: fc.nat(3),
      arrives: fc.integer({ min: bodyBytes, max: 20 * bodyBytes }),
      ms: fc.integer({ min: 1, max: 100 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 15, maxLength: 30 }), (steps) => {
        const path = new Path()
        const lanes = {
          interactive: path.stream('interactive'),
          bulk: path.stream('bulk'),
          scheduled: path.stream('scheduled'),
        }
        let owed = 0
        let scheduledSinceMs: number | null = null
        for (const each of steps) {
          for (const name of ['interactive', 'bulk', 'scheduled'] as const) {
            write(lanes[name], each[name])
          }
          const before = { bulk: path.bytesOf('bulk'), interactive: path.bytesOf('interactive') }
          const names = path.flush()
          // Interactive lanes are never held back.
          expect(lanes.interactive.waitingBytes).toBe(0)
          const sent = path.bytesOf('interactive') - before.interactive
          const bulk = path.bytesOf('bulk') - before.bulk
          const isBulkLeft = lanes.bulk.waitingBytes > 0
          owed = isBulkLeft ? Math.max(0, owed + sent / interactiveWeight - bulk) : 0
          // What it has earned and not got is less than what it is paid in.
          expect(owed).toBeLessThan(65_536 + (12 * bodyBytes) / interactiveWeight)
          if (names.includes('scheduled') || lanes.scheduled.waitingBytes === 0) {
            scheduledSinceMs = lanes.scheduled.waitingBytes === 0 ? null : path.nowMs
          } else {
            scheduledSinceMs ??= path.nowMs
            expect(path.nowMs - scheduledSinceMs).toBeLessThan(waitMaxMs)
          }
          path.arrive(each.arrives)
          path.nowMs += each.ms
        }
      }),
      { numRuns: 40 },
    )
  })
})
