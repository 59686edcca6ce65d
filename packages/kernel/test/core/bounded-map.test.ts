import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedMap } from '../../src/index.ts'

type Step =
  | { kind: 'set'; key: number; value: string }
  | { kind: 'delete'; key: number }
  | { kind: 'clear' }

const keys = fc.integer({ min: 0, max: 12 })
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .tuple(keys, fc.string())
      .map(([key, value]): Step => ({ kind: 'set', key, value })),
  },
  { weight: 5, arbitrary: keys.map((key): Step => ({ kind: 'delete', key })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'clear' }) },
)

function apply(map: BoundedMap<number, string>, model: Map<number, string>, step: Step): void {
  switch (step.kind) {
    case 'set': {
      const fits = model.has(step.key) || model.size < map.max
      expect(map.set(step.key, step.value)).toBe(fits)
      if (fits) model.set(step.key, step.value)
      break
    }
    case 'delete':
      expect(map.delete(step.key)).toBe(model.delete(step.key))
      break
    case 'clear':
      map.clear()
      model.clear()
  }
}

describe('BoundedMap', () => {
  it('behaves like a Map with a bound, whatever is done to it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(steps), (max, script) => {
        const map = new BoundedMap<number, string>(max)
        const model = new Map<number, string>()
        for (const step of script) {
          apply(map, model, step)
          expect(map.size).toBe(model.size)
          expect(map.isFull).toBe(model.size === max)
          expect(map.oldestKey()).toBe(model.keys().next().value)
        }
        expect([...map]).toEqual([...model])
        expect([...map.entries()]).toEqual([...model])
        expect([...map.keys()]).toEqual([...model.keys()])
        expect([...map.values()]).toEqual([...model.values()])
        for (let key = 0; key <= 12; key += 1) {
          expect(map.get(key)).toBe(model.get(key))
          expect(map.has(key)).toBe(model.has(key))
        }
      }),
    )
  })

  it('takes a new value for a known key although it is full', () => {
    const map = new BoundedMap<string, number>(1)
    expect(map.set('a', 1)).toBe(true)
    expect(map.set('b', 2)).toBe(false)
    expect(map.has('b')).toBe(false)
    expect(map.set('a', 3)).toBe(true)
    expect(map.get('a')).toBe(3)
  })

  it('keeps the place of a key that is set again, and gives a new place after delete', () => {
    const map = new BoundedMap<string, number>(3)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    expect(map.oldestKey()).toBe('a')
    expect(map.victim((value) => value === 2)).toBe('b')
    expect(map.victim(() => false)).toBe('a')
    map.delete('a')
    map.set('a', 4)
    expect([...map.keys()]).toEqual(['b', 'a'])
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 24])(
    'refuses the bound %s',
    (max) => {
      expect(() => new BoundedMap(max)).toThrow(
        expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
      )
    },
  )
})
