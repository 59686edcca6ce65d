import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkQueue } from '../../src/driver/chunk-queue.ts'

type Step =
  | { readonly kind: 'push'; readonly bytes: Uint8Array }
  | { readonly kind: 'take'; readonly share: number }
  | { readonly kind: 'gather'; readonly room: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('push' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  }),
  fc.record({
    kind: fc.constant('take' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ kind: fc.constant('gather' as const), room: fc.integer({ min: 1, max: 60 }) }),
)

describe('a queue of chunks', () => {
  it('holds the same bytes in the same order as one long array would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new ChunkQueue()
        let model: number[] = []
        for (const one of steps) {
          if (one.kind === 'push') {
            queue.push(one.bytes)
            model.push(...one.bytes)
          } else if (one.kind === 'take') {
            const count = Math.floor(one.share * model.length)
            queue.take(count)
            model = model.slice(count)
          } else {
            const target = new Uint8Array(one.room)
            const length = queue.gather(target)
            expect([...target.subarray(0, length)]).toEqual(model.slice(0, one.room))
          }
          expect(queue.bytes).toBe(model.length)
          const front = [...(queue.front() ?? [])]
          expect(front).toEqual(model.slice(0, front.length))
          expect(front.length > 0).toBe(model.length > 0)
          expect(queue.hasSecond()).toBe(model.length > front.length)
        }
      }),
    )
  })

  it('stays in order while it gives the memory of taken chunks back', () => {
    const queue = new ChunkQueue()
    let pushed = 0
    let taken = 0
    // Never empty: the head wanders through thousands of chunks.
    for (let round = 0; round < 5_000; round += 1) {
      for (let index = 0; index < 3; index += 1) {
        queue.push(Uint8Array.of(pushed % 251, (pushed + 1) % 251))
        pushed += 2
      }
      for (let index = 0; index < 5; index += 1) {
        expect(queue.front()?.[0]).toBe(taken % 251)
        queue.take(1)
        taken += 1
      }
    }
    expect(queue.bytes).toBe(pushed - taken)
  })

  it('is empty after clear, also in the middle of a chunk', () => {
    const queue = new ChunkQueue()
    queue.push(Uint8Array.of(1, 2, 3))
    queue.take(1)
    queue.clear()
    expect([queue.bytes, queue.front(), queue.hasSecond()]).toEqual([0, undefined, false])
    queue.push(Uint8Array.of(4))
    expect([...(queue.front() ?? [])]).toEqual([4])
  })
})
