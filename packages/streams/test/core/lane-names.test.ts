import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Inlet } from '../../src/core/inlet.ts'
import type { ReceiveStream } from '../../src/core/receive-stream.ts'
import { sessionRules } from '../../src/core/rules.ts'
import { SessionCore } from '../../src/core/session-core.ts'
import { SlabPool } from '../../src/core/slab-pool.ts'
import { NodeBudgets } from '../../src/driver/node-budgets.ts'
import { sessionLimits, streamsOptions } from '../../src/options.ts'
import type { LaneKind } from '../../src/wire/open.ts'

const options = streamsOptions.parse({ lanesPerApplicationMax: 2 })
const limits = sessionLimits(options)

/** Two cores, of which the second hears what the first says. */
class Pair {
  readonly near: SessionCore = this.#core()
  readonly far: SessionCore = this.#core()
  readonly arrived: { lane: ReceiveStream; bodies: string[] }[] = []
  readonly #inlets: Record<'near' | 'far', Map<number, Inlet>> = {
    near: new Map(),
    far: new Map(),
  }

  constructor() {
    this.far.sink = {
      control: () => undefined,
      renewal: () => undefined,
      lane: (lane) => {
        const bodies: string[] = []
        this.arrived.push({ lane, bodies })
        lane.receiver = {
          frame: (_type, _sequence, bytes, start, end) => {
            bodies.push(Buffer.from(bytes.subarray(start, end)).toString())
          },
          closed: () => undefined,
        }
      },
    }
    for (const side of ['near', 'far'] as const) {
      const core = this[side]
      this.#inlets[side].set(0, core.controlInlet(core.attach(1)))
    }
  }

  exchange(): void {
    for (let round = 0; round < 6; round++) {
      this.#carry(this.near, this.far, this.#inlets.far)
      this.#carry(this.far, this.near, this.#inlets.near)
    }
  }

  #carry(from: SessionCore, to: SessionCore, inlets: Map<number, Inlet>): void {
    from.turn(0)
    for (let effect = from.poll(); effect !== null; effect = from.poll()) {
      if (effect.kind !== 'write' || to.attached === null) continue
      const inlet = inlets.get(effect.stream) ?? to.inlet(to.attached)
      inlets.set(effect.stream, inlet)
      inlet.push(effect.bytes.slice())
      if (effect.tail !== null) inlet.push(effect.tail.slice())
    }
    from.advance(1_000)
  }

  #core(): SessionCore {
    return new SessionCore({
      nowMs: 0,
      limits,
      rules: sessionRules,
      pool: new SlabPool((bytes) => new Uint8Array(bytes), 4),
      budgets: new NodeBudgets(options, sessionRules).ofSession(),
      peerWindowBytes: 65_536,
      onDirty: () => undefined,
    })
  }
}

/** Names that a joined string would confuse: `a/b` and `c`, `a` and `b/c`. */
const name = fc
  .array(fc.constantFrom('a', 'b', '/', '.', ':', '\u0000', '|', ',', ' ', '"', '\\', 'é'), {
    maxLength: 4,
  })
  .map((parts) => parts.join(''))

const lane = fc.record({
  kind: fc.constantFrom<LaneKind>('messages', 'requests'),
  application: name,
  name,
})

describe('the names of lanes', () => {
  it('never collide, whatever separators are in them, and count for their application alone', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(lane, {
          maxLength: 12,
          comparator: (one, other) =>
            one.kind === other.kind &&
            one.application === other.application &&
            one.name === other.name,
        }),
        (wanted) => {
          const pair = new Pair()
          pair.exchange()
          const opened: string[] = []
          const perApplication = new Map<string, number>()
          for (const { kind, application, name: called } of wanted) {
            const before = perApplication.get(application) ?? 0
            expect(pair.near.lifecycle.problem(application) === null).toBe(before < 2)
            if (before === 2) continue
            perApplication.set(application, before + 1)
            const body = Buffer.from(JSON.stringify([kind, application, called]))
            const out = pair.near.openLane(kind, application, called)
            const at = out.frame(0x90, 0, body.length)
            out.buffer.set(body, at)
            opened.push(body.toString())
          }
          pair.exchange()
          expect([pair.near.ending, pair.far.ending]).toEqual([null, null])
          const heard = pair.arrived.map(
            ({ lane: { kind, application, name: called }, bodies }) => {
              expect(bodies).toEqual([JSON.stringify([kind, application, called])])
              return bodies[0]
            },
          )
          expect(heard).toEqual(opened)
        },
      ),
      { numRuns: 300 },
    )
  })
})
