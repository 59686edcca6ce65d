import type { NodeId } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { protocolRules } from '../../src/core/rules.ts'
import { UserEvents } from '../../src/core/user-events.ts'
import type { EventStatement } from '../../src/wire/statement.ts'

function event(sequence: number, bootTag = 1): EventStatement {
  return {
    kind: 'event',
    nodeId: 'a' as NodeId,
    bootTag,
    sequence,
    name: 'n',
    payload: Uint8Array.of(sequence & 255),
  }
}

function handed(events: UserEvents): number[] {
  const found: number[] = []
  for (let next = events.next(); next !== undefined; next = events.next()) found.push(next.sequence)
  return found
}

describe('user events', () => {
  it('are handed over in order, each once, however they arrive', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 20 }, (_, at) => at + 1),
          { minLength: 20 },
        ),
        fc.array(fc.integer({ min: 1, max: 20 })),
        (order, again) => {
          const events = new UserEvents(protocolRules)
          for (const sequence of [...order, ...again]) events.heard(0, event(sequence))
          expect(handed(events)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
        },
      ),
    )
  })

  it('wait for one that is missing for 5 s, which then counts as lost', () => {
    const events = new UserEvents(protocolRules)
    events.heard(0, event(1))
    events.heard(0, event(3))
    expect(handed(events)).toEqual([1])
    expect(events.gapDeadlineMs()).toBe(5_000)
    events.expire(4_999)
    expect(handed(events)).toEqual([])
    events.expire(5_000)
    expect(handed(events)).toEqual([3])
    expect(events.lost).toBe(1)
    expect(events.heard(6_000, event(2))).toBe(false)
  })

  it('of an origin that was not heard before start with the lowest of the first second', () => {
    const events = new UserEvents(protocolRules)
    events.heard(0, event(42))
    events.heard(500, event(41))
    events.expire(1_500)
    expect(handed(events)).toEqual([41, 42])
    expect(events.lost).toBe(0)
  })

  it('of a new boot start anew', () => {
    const events = new UserEvents(protocolRules)
    events.heard(0, event(1))
    events.heard(0, event(1, 2))
    expect(handed(events)).toEqual([1, 1])
  })

  it('that wait are bounded', () => {
    const events = new UserEvents(protocolRules)
    events.heard(0, event(1))
    for (let sequence = 3; sequence < 200; sequence += 1) events.heard(0, event(sequence))
    const found = handed(events)
    expect(found.slice(0, 2)).toEqual([1, 3])
    expect(found.at(-1)).toBe(199)
    expect(events.lost).toBe(1)
  })
})
