import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Metadata } from '../../src/core/metadata.ts'

const change = fc.record({
  kind: fc.constantFrom('tag', 'application'),
  key: fc.constantFrom('a', 'b', 'c', '__proto__'),
  value: fc.option(fc.constantFrom('1', '2')),
})

/** What an owner says over time: one state after another. */
function history(
  changes: readonly { kind: 'tag' | 'application'; key: string; value: string | null }[],
) {
  const states = [Metadata.empty]
  for (const { kind, key, value } of changes) {
    const kept = value !== null && kind === 'application' ? '' : value
    states.push((states.at(-1) as Metadata).changed(kind, [[key, kept]]))
  }
  return states
}

describe('metadata', () => {
  it('becomes equal everywhere, whichever runs of changes arrive in which order', () => {
    const arrivals = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), arrivals, (changes, order) => {
        const states = history(changes as never)
        const last = states.at(-1) as Metadata
        let known = Metadata.empty
        for (const [at, back] of order) {
          const sender = states[at % states.length] as Metadata
          const from = (states[back % states.length] as Metadata).version
          if (from <= sender.version) known = known.merged(sender.after(from))
          const same = states.findLast(({ version }) => version === known.version) as Metadata
          expect([known.tags, known.applications]).toEqual([same.tags, same.applications])
        }
        known = known.merged(last.after(known.version))
        expect([known.tags, known.applications]).toEqual([last.tags, last.applications])
      }),
      { numRuns: 500 },
    )
  })

  it('carries only what has changed', () => {
    const first = Metadata.empty.changed('tag', [
      ['zone', 'north'],
      ['rack', '1'],
    ])
    const second = first.changed('tag', [
      ['rack', '2'],
      ['zone', 'north'],
    ])
    expect(second.after(first.version).entries.map(({ key }) => key)).toEqual(['rack'])
    expect(second.changed('tag', [['rack', '2']])).toBe(second)
  })

  it('does not bring a removed key back, and tells those far behind all of it', () => {
    let owner = Metadata.empty.changed('tag', [['old', 'x']])
    const stale = owner
    owner = owner.changed('tag', [['old', null]])
    expect(owner.merged(stale.after(0)).tags).toEqual({})
    for (let at = 0; at < 100; at += 1) {
      owner = owner.changed('tag', [[`t${at}`, 'x']]).changed('tag', [[`t${at}`, null]])
    }
    // The removal of "old" is not remembered any more, so a stale copy gets everything.
    expect(owner.entries.length).toBeLessThanOrEqual(64)
    expect(owner.after(stale.version).from).toBe(0)
    expect(stale.merged(owner.after(stale.version)).tags).toEqual({})
  })

  it('ignores a run that leaves a gap', () => {
    const owner = Metadata.empty.changed('tag', [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
    expect(Metadata.empty.merged(owner.after(2))).toBe(Metadata.empty)
  })
})
