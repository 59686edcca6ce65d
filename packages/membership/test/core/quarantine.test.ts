import type { BootId, NodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { Entry } from '../../src/core/entry.ts'
import { Quarantine } from '../../src/core/quarantine.ts'
import { recordOf } from '../scripted-peers.ts'

const times = { quarantineMs: 60_000, quarantineMaxMs: 200_000, quarantineForgetMs: 600_000 }
const healthy = { score: 0, members: 100 }

/** One that was heard while it did not hear: a first return can hold it back. */
function entry(id: string): Entry {
  const one = new Entry(recordOf(id, { nodeId: id as NodeId, bootId: '0'.repeat(32) as BootId }))
  one.isDeaf = true
  return one
}

describe('quarantine', () => {
  it('lets a member return once after long, then holds it back for longer each time', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    const held = [0, 1, 2, 3, 4].map((index) => {
      quarantine.returned(one, index * 1_000, healthy, 0)
      return one.heldUntilMs === 0 ? 0 : one.heldUntilMs - index * 1_000
    })
    expect(held).toEqual([0, 60_000, 120_000, 200_000, 200_000])
    expect(quarantine.release(one.heldUntilMs - 1)).toEqual([])
    expect(quarantine.release(one.heldUntilMs)).toEqual([one])
    expect(quarantine.nextEndMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it.each([
    { what: 'alone and at once', afterMs: 15_000, failed: 1, suspects: 0, heldMs: 30_000 },
    { what: 'with a fiftieth', afterMs: 15_000, failed: 2, suspects: 0, heldMs: 30_000 },
    { what: 'with more than a fiftieth', afterMs: 15_000, failed: 3, suspects: 0, heldMs: 0 },
    { what: 'while more are suspected', afterMs: 15_000, failed: 1, suspects: 2, heldMs: 0 },
    { what: 'after long', afterMs: 30_001, failed: 1, suspects: 0, heldMs: 0 },
  ])('holds back a first return for $heldMs ms: $what', (given) => {
    const quarantine = new Quarantine(times)
    const all = Array.from({ length: given.failed }, (_, index) => entry(`n${index}`))
    for (const one of all) quarantine.failed(one, 1_000)
    const nowMs = 1_000 + given.afterMs
    for (const one of all) quarantine.returned(one, nowMs, healthy, given.suspects)
    const untilMs = given.heldMs === 0 ? 0 : nowMs + given.heldMs
    expect(all.map(({ heldUntilMs }) => heldUntilMs)).toEqual(all.map(() => untilMs))
  })

  it('holds back no first return of one that was not heard', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    one.isDeaf = false
    quarantine.failed(one, 0)
    quarantine.returned(one, 15_000, healthy, 0)
    expect(one.heldUntilMs).toBe(0)
    quarantine.failed(one, 20_000)
    quarantine.returned(one, 35_000, healthy, 0)
    expect(one.heldUntilMs).toBe(95_000)
  })

  it.each([
    { what: 'a sick node', judge: { score: 3, members: 100 } },
    { what: 'one of fewer than fifty', judge: { score: 0, members: 49 } },
  ])('holds nobody back at a first return by the word of $what', ({ judge }) => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    quarantine.failed(one, 0)
    quarantine.returned(one, 1_000, judge, 0)
    expect(one.heldUntilMs).toBe(0)
  })

  it('does not count failures of an earlier event', () => {
    const quarantine = new Quarantine(times)
    const all = Array.from({ length: 50 }, (_, index) => entry(`n${index}`))
    for (const one of all) quarantine.failed(one, 0)
    const late = entry('late')
    quarantine.failed(late, 60_001)
    quarantine.returned(late, 61_000, healthy, 0)
    expect(late.heldUntilMs).toBe(91_000)
  })

  it('does not hold a new process to what the old one did', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    quarantine.failed(one, 0)
    quarantine.forget(one)
    quarantine.returned(one, 1_000, healthy, 0)
    expect(one.heldUntilMs).toBe(0)
  })

  it('forgets what is long ago', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    quarantine.returned(one, 0, healthy, 0)
    quarantine.returned(one, 700_000, healthy, 0)
    expect(one.heldUntilMs).toBe(0)
  })

  it('counts the suspicions that were denied before they were heard of, three at a time', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    quarantine.suspected(one, 1_000, healthy, 1_000_000)
    expect(one.heldUntilMs).toBe(0)
    quarantine.suspected(one, 1_000, healthy, 3)
    expect(one.heldUntilMs).toBeGreaterThan(0)
  })

  it('holds back who is suspected over and over, until it has been calm', () => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    let nowMs = 0
    while (one.heldUntilMs === 0 && nowMs < 120_000) {
      nowMs += 3_000
      quarantine.suspected(one, nowMs, healthy)
    }
    expect(nowMs).toBeLessThan(60_000)
    expect(quarantine.release(nowMs + 20_000)).toEqual([])
    expect(quarantine.release(nowMs + 60_000)).toEqual([one])
  })

  it.each([
    { what: 'a suspicion a minute', everyMs: 60_000, judge: healthy },
    { what: 'the word of a sick node', everyMs: 3_000, judge: { score: 3, members: 100 } },
  ])('holds nobody back for $what', ({ everyMs, judge }) => {
    const quarantine = new Quarantine(times)
    const one = entry('a')
    for (let count = 1; count < 100; count += 1) quarantine.suspected(one, count * everyMs, judge)
    expect(one.heldUntilMs).toBe(0)
  })

  it('holds nobody back where more than a tenth is restless: it is the network', () => {
    const quarantine = new Quarantine(times)
    const all = Array.from({ length: 100 }, (_, index) => entry(`n${index}`))
    for (let nowMs = 0; nowMs < 30_000; nowMs += 1_000) {
      for (const one of all) quarantine.suspected(one, nowMs, healthy)
    }
    expect(all.filter(({ heldUntilMs }) => heldUntilMs > 0)).toEqual([])
    // Once the others are calm, who is suspected still is held back.
    for (let nowMs = 90_000; nowMs < 120_000; nowMs += 1_000) {
      for (const one of all.slice(0, 3)) quarantine.suspected(one, nowMs, healthy)
    }
    expect(all.filter(({ heldUntilMs }) => heldUntilMs > 0)).toEqual(all.slice(0, 3))
  })
})
