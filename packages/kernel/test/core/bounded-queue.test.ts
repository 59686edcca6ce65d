import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedQueue } from '../../src/index.ts'

type Step =
  | { kind: 'offer'; item: number }
  | { kind: 'poll' }
  | { kind: 'peek' }
  | { kind: 'clear' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.integer().map((item): Step => ({ kind: 'offer', item })) },
  { weight: 7, arbitrary: fc.constant<Step>({ kind: 'poll' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'peek' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'clear' }) },
)

function apply(queue: BoundedQueue<number>, model: number[], step: Step): void {
  switch (step.kind) {
    case 'offer': {
      const fits = model.length < queue.max
      expect(queue.offer(step.item)).toBe(fits)
      if (fits) model.push(step.item)
      break
    }
    case 'poll':
      expect(queue.poll()).toBe(model.shift())
      break
    case 'peek':
      expect(queue.peek()).toBe(model[0])
      break
    case 'clear':
      expect(queue.clear()).toEqual(model.splice(0))
  }
}

describe('BoundedQueue', () => {
  it('behaves like an array with a bound, whatever is done to it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(steps, { maxLength: 400, size: 'max' }),
        (max, script) => {
          const queue = new BoundedQueue<number>(max)
          const model: number[] = []
          for (const step of script) {
            apply(queue, model, step)
            expect(queue.size).toBe(model.length)
            expect(queue.isFull).toBe(model.length === max)
          }
          expect([...queue]).toEqual(model)
        },
      ),
    )
  })

  it('keeps the order while it grows around the end of its ring', () => {
    const queue = new BoundedQueue<number>(10_000)
    let next = 0
    let expected = 0
    for (let round = 0; round < 3_000; round += 1) {
      for (let count = 0; count < 3; count += 1) queue.offer(next++)
      expect(queue.poll()).toBe(expected++)
    }
    expect(queue.size).toBe(6_000)
    while (queue.size > 0) expect(queue.poll()).toBe(expected++)
    expect(expected).toBe(next)
    expect(queue.offer(1)).toBe(true)
    expect(queue.poll()).toBe(1)
  })

  it('tells an undefined item from an empty queue by its size', () => {
    const queue = new BoundedQueue<undefined>(1)
    expect(queue.offer(undefined)).toBe(true)
    expect(queue.size).toBe(1)
    expect(queue.offer(undefined)).toBe(false)
    queue.poll()
    expect(queue.size).toBe(0)
  })

  it('polls in constant time, however long it is', () => {
    const queue = new BoundedQueue<number>(200_000)
    for (let item = 0; item < 200_000; item += 1) queue.offer(item)
    const startedMs = performance.now()
    while (queue.poll() !== undefined) {}
    // Array.shift takes seconds for this; the bound leaves room for a busy machine.
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
    'refuses the bound %s',
    (max) => {
      expect(() => new BoundedQueue(max)).toThrow(
        expect.objectContaining({ code: 'ERR_NODOSUM_INVARIANT_VIOLATED' }),
      )
    },
  )
})
