import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sessionRules } from '../../src/core/rules.ts'
import { SessionCore } from '../../src/core/session-core.ts'
import { SlabPool } from '../../src/core/slab-pool.ts'
import { NodeBudgets } from '../../src/driver/node-budgets.ts'
import { sessionLimits, streamsOptions } from '../../src/options.ts'
import {
  connectionFrame,
  frameBytesMax,
  frameHeaderBytesMax,
  frameType,
  writeFrameHeader,
} from '../../src/wire/frame.ts'
import { encodeClose, encodeRefuse } from '../../src/wire/lane-end.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import { encodeAcknowledgement, encodeProgress } from '../../src/wire/progress.ts'

const options = streamsOptions.parse({
  laneWindowBytes: 65_536,
  messageBytesMax: 300_000,
  lanesPerSessionMax: 4,
})
const limits = sessionLimits(options)

function newCore(): SessionCore {
  const core = new SessionCore({
    nowMs: 0,
    limits,
    rules: sessionRules,
    pool: new SlabPool((bytes) => new Uint8Array(bytes), 4),
    budgets: new NodeBudgets(options, sessionRules).ofSession(),
    peerWindowBytes: 65_536,
    onDirty: () => undefined,
  })
  core.sink = {
    control: () => undefined,
    renewal: () => undefined,
    lane: (lane) => {
      lane.receiver = { frame: () => undefined, closed: () => undefined }
      if (lane.name === 'paused') lane.pause()
      if (lane.name === 'refused') lane.receiver = null
    },
  }
  return core
}

function frame(type: number, flags: number, stream: number, sequence: number, body: Uint8Array) {
  const bytes = new Uint8Array(frameHeaderBytesMax + body.length)
  const at = writeFrameHeader(bytes, 0, type, flags, stream, sequence, body.length)
  bytes.set(body, at)
  return bytes.subarray(0, at + body.length)
}

/** What a peer might say: mostly frames that make sense, in an order that need not. */
const said: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .record({
      type: fc.constantFrom(0x90, 0x12, 0x0f, 0x8f, ...Object.values(frameType)),
      flags: fc.nat(3),
      stream: fc.nat(5),
      sequence: fc.nat(4),
      body: fc.uint8Array({ maxLength: 40 }),
    })
    .map(({ type, flags, stream, sequence, body }) => frame(type, flags, stream, sequence, body)),
  fc
    .record({
      stream: fc.integer({ min: 1, max: 5 }),
      name: fc.constantFrom('paused', 'open', 'refused'),
    })
    .map(({ stream, name }) => {
      const body = encodeOpen({
        stream,
        kind: 'messages',
        application: 'x',
        name,
        laneClass: 'bulk',
      })
      return frame(frameType.open, 0, stream, 1, body)
    }),
  fc
    .array(fc.record({ stream: fc.nat(3), next: fc.nat(5), creditLimit: fc.nat(100_000) }), {
      maxLength: 4,
    })
    .chain((entries) =>
      fc.oneof(
        fc.constant(connectionFrame(frameType.resume, encodeProgress(entries))),
        fc
          .nat(100_000)
          .map((arrived) =>
            connectionFrame(frameType.ack, encodeAcknowledgement(arrived, entries)),
          ),
      ),
    ),
  fc
    .record({
      stream: fc.nat(3),
      next: fc.nat(4),
      sequence: fc.integer({ min: 1, max: 4 }),
      code: fc.constantFrom('', 'ERR_NODOSUM_LIMIT_STREAMS'),
      closes: fc.boolean(),
    })
    .map(({ sequence, code, closes, ...end }) =>
      closes
        ? frame(frameType.close, 0, 0, sequence, encodeClose(end))
        : frame(frameType.refuse, 0, 0, sequence, encodeRefuse({ ...end, code, message: 'm' })),
    ),
  fc.uint8Array({ maxLength: 60 }),
)

describe('the core of a session', () => {
  it('throws at nothing that a peer says, ends instead, and holds no more than it has granted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ inlet: fc.nat(3), bytes: said, attaches: fc.nat(20) }), {
          maxLength: 60,
        }),
        (chunks) => {
          const core = newCore()
          core.openLane('messages', 'a', 'b')
          const open = (number: number) => {
            const attached = core.attach(number)
            const lanes = Array.from({ length: 3 }, () => core.inlet(attached))
            return [core.controlInlet(attached), ...lanes]
          }
          let inlets = open(1)
          for (const [index, { inlet, bytes, attaches }] of chunks.entries()) {
            if (attaches === 0) inlets = open(index + 2)
            inlets[inlet]?.push(bytes)
            core.turn(index)
            for (let effect = core.poll(); effect !== null; effect = core.poll());
            core.advance(index)
            core.lifecycle.sweep(40_000 * index, core.attached?.peerHasResumed === true)
            if (core.ending !== null) break
            const perLane = 65_536 + 2 * frameBytesMax + 300_000
            expect(core.heldBytes).toBeLessThanOrEqual(5 * perLane)
          }
          core.end()
          expect(core.bufferedBytes).toBe(0)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('ends a session whose peer sends more than it was granted', () => {
    const core = newCore()
    const inlet = core.inlet(core.attach(1))
    const body = encodeOpen({
      stream: 1,
      kind: 'messages',
      application: 'x',
      name: 'paused',
      laneClass: 'bulk',
    })
    inlet.push(frame(frameType.open, 0, 1, 1, body))
    for (let sequence = 2; sequence < 5; sequence++) {
      inlet.push(frame(0x90, 0, 1, sequence, new Uint8Array(60_000)))
    }
    expect(core.ending).toBeNull()
    inlet.push(frame(0x90, 0, 1, 5, new Uint8Array(60_000)))
    expect(core.ending).toMatchObject({ kind: 'broken', what: /more was sent/ })
  })

  it('refuses parts of a message that are too long, too short or too many', () => {
    for (const [length, parts] of [
      [300_001, [10]],
      [20, [10, 11]],
      [20, [10, 9]],
    ] as const) {
      const core = newCore()
      const inlet = core.inlet(core.attach(1))
      const body = encodeOpen({
        stream: 1,
        kind: 'messages',
        application: 'x',
        name: 'open',
        laneClass: 'bulk',
      })
      inlet.push(frame(frameType.open, 0, 1, 1, body))
      const size = length > 127 ? [0xe1, 0xa7, 0x12] : [length]
      for (const [index, bytes] of parts.entries()) {
        const head = index === 0 ? size : []
        const part = Uint8Array.from([...head, ...new Array<number>(bytes).fill(1)])
        inlet.push(frame(0x90, index === parts.length - 1 && index > 0 ? 0 : 1, 1, index + 2, part))
      }
      expect(core.ending, `${length}`).toMatchObject({ kind: 'broken' })
    }
  })
})
