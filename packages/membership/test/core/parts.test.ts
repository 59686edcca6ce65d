import { type BootId, type NodeId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnsweredPings } from '../../src/core/answered-pings.ts'
import { Dissemination } from '../../src/core/dissemination.ts'
import { Entry } from '../../src/core/entry.ts'
import { changeKind, type MemberState } from '../../src/core/member.ts'
import { MemberTable } from '../../src/core/member-table.ts'
import { ProbeCycle } from '../../src/core/probe-cycle.ts'
import { protocolRules, type Standing } from '../../src/core/rules.ts'
import { Timers } from '../../src/core/timers.ts'

const { supersedes, suspicionMs, retransmits, confirmationsNeeded } = protocolRules

function entry(id: string): Entry {
  return new Entry({
    kind: 'record',
    nodeId: id as NodeId,
    bootId: '00'.repeat(16) as BootId,
    epoch: 1,
    counter: 1,
    state: 'alive',
    protocol: { min: 1, max: 1 },
    addresses: [],
    metadataVersion: 0,
    metadata: { from: 0, to: 0, entries: [] },
    extension: new Uint8Array(0),
  })
}

const standing: fc.Arbitrary<Standing> = fc.record({
  bootTag: fc.nat(1),
  epoch: fc.nat(2),
  counter: fc.nat(2),
  state: fc.constantFrom('alive', 'suspect', 'failed', 'left', 'draining'),
})

describe('statements about one node', () => {
  it('have an order without contradictions', () => {
    fc.assert(
      fc.property(standing, standing, standing, (a, b, c) => {
        expect(supersedes(a, a)).toBe(false)
        expect(supersedes(a, b) && supersedes(b, a)).toBe(false)
        if (supersedes(a, b) && supersedes(b, c) && a.bootTag === c.bootTag) {
          expect(supersedes(a, c)).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('let only a higher incarnation take an accusation back', () => {
    const said = (epoch: number, counter: number, state: MemberState): Standing => {
      return { bootTag: 1, epoch, counter, state }
    }
    const failed = said(1, 1, 'failed')
    expect(supersedes(said(1, 1, 'suspect'), failed)).toBe(false)
    expect(supersedes(said(1, 1, 'alive'), failed)).toBe(false)
    expect(supersedes(said(1, 2, 'alive'), failed)).toBe(true)
    expect(supersedes(said(2, 0, 'alive'), failed)).toBe(true)
    expect(supersedes(said(0, 9, 'alive'), failed)).toBe(false)
  })

  it('show as the change that a user sees', () => {
    const [one, two] = ['1' as BootId, '2' as BootId]
    const seen = (bootId: BootId, state: MemberState) => ({ bootId, state })
    const alive = seen(one, 'alive')
    expect(changeKind(undefined, alive, false)).toBe('joined')
    expect(changeKind(undefined, seen(one, 'failed'), false)).toBeNull()
    expect(changeKind(alive, seen(one, 'suspect'), false)).toBe('suspect')
    expect(changeKind(seen(one, 'suspect'), alive, false)).toBe('alive')
    expect(changeKind(seen(one, 'failed'), alive, false)).toBe('joined')
    expect(changeKind(alive, seen(two, 'alive'), true)).toBe('restarted')
    expect(changeKind(seen(one, 'left'), seen(two, 'alive'), true)).toBe('joined')
    expect(changeKind(alive, alive, true)).toBe('updated')
    expect(changeKind(alive, alive, false)).toBeNull()
  })
})

describe('the table of members', () => {
  const table = (max: number): MemberTable => new MemberTable(entry('self'), max, protocolRules)
  const idsOf = (entries: Iterable<Entry>): string[] => [...entries].map(({ nodeId }) => nodeId)
  const set = (members: MemberTable, id: string, state: MemberState, nowMs: number): void => {
    const found = members.get(id as NodeId) as Entry
    members.change(found, nowMs, () => {
      found.state = state
    })
  }

  it('makes room by forgetting who is gone for longest, and never a living one', () => {
    const members = table(3)
    for (const id of ['a', 'b', 'c']) members.add(entry(id), 0)
    set(members, 'b', 'failed', 10)
    set(members, 'c', 'left', 5)
    expect(members.add(entry('d'), 20)).toBe(true)
    expect(idsOf(members.all())).toEqual(['a', 'b', 'd'])
    expect(members.add(entry('e'), 30)).toBe(true)
    expect(members.add(entry('f'), 40)).toBe(false)
    expect(idsOf(members.present).sort()).toEqual(['a', 'd', 'e'])
  })

  it('forgets after the time since somebody was gone', () => {
    const members = table(3)
    members.add(entry('a'), 0)
    set(members, 'a', 'suspect', 10)
    set(members, 'a', 'failed', 60)
    members.forget(1_060, 1_000)
    expect(idsOf(members.failed)).toEqual(['a'])
    members.forget(1_061, 1_000)
    expect(idsOf(members.all())).toEqual([])
    expect(idsOf(members.failed)).toEqual([])
  })

  it('has a digest, ring and lists that depend on what is in it alone', () => {
    const step = fc.record({
      id: fc.nat(12),
      state: fc.constantFrom<MemberState>('alive', 'suspect', 'failed', 'left', 'draining'),
      counter: fc.nat(5),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const members = table(20)
        for (const { id, state, counter } of steps) {
          const found = members.get(`n${id}` as NodeId) ?? entry(`n${id}`)
          if (members.get(found.nodeId) === undefined) members.add(found, 0)
          members.change(found, 0, () => {
            found.state = state
            found.counter = counter
          })
        }
        const fresh = table(20)
        for (const known of [...members.all()].reverse()) {
          const copy = entry(known.nodeId)
          copy.state = known.state
          copy.counter = known.counter
          fresh.add(copy, 0)
        }
        expect(members.digest.root).toBe(fresh.digest.root)
        expect(members.digest.buckets(256)).toEqual(fresh.digest.buckets(256))
        const self = members.get('none' as NodeId) ?? entry('self')
        expect(idsOf(members.ring.after(self, 20))).toEqual(idsOf(fresh.ring.after(self, 20)))
        expect(idsOf(members.present).sort()).toEqual(idsOf(fresh.present).sort())
        expect(idsOf(members.failed).sort()).toEqual(idsOf(fresh.failed).sort())
      }),
    )
  })
})

describe('the ring', () => {
  it('gives everybody as many watchers as asked for, none of them itself', () => {
    const members = new MemberTable(entry('n0'), 100, protocolRules)
    for (let index = 1; index < 50; index += 1) members.add(entry(`n${index}`), 0)
    const watched = new Map<string, number>()
    for (const one of members.all()) {
      const watchers = members.ring.before(one, 5)
      expect(new Set(watchers).size).toBe(5)
      expect(watchers).not.toContain(one)
      for (const { nodeId } of watchers) watched.set(nodeId, (watched.get(nodeId) ?? 0) + 1)
      expect(members.ring.after(watchers[0] as Entry, 1)).toEqual([one])
    }
    expect(Math.max(...watched.values())).toBeLessThanOrEqual(5)
  })

  it('has nobody to watch in a cluster of one', () => {
    const self = entry('n0')
    const members = new MemberTable(self, 100, protocolRules)
    expect(members.ring.after(self, 3)).toEqual([])
    expect(members.ring.before(self, 3)).toEqual([])
  })
})

describe('the cycle of probes', () => {
  it('takes everybody once before anybody twice', () => {
    const members = Array.from({ length: 10 }, (_, index) => entry(`n${index}`))
    const cycle = new ProbeCycle(seededRandom('cycle'))
    const orders = [1, 2, 3].map(() => members.map(() => cycle.next(members)?.nodeId))
    for (const order of orders) expect(new Set(order).size).toBe(10)
    expect(orders[0]).not.toEqual(orders[1])
  })

  it('takes newcomers in at once, at any place of the round, and leaves out who is gone', () => {
    const cycle = new ProbeCycle(seededRandom('cycle'))
    const members = [entry('a'), entry('b'), entry('c')]
    cycle.next(members)
    const late = entry('d')
    members.push(late)
    cycle.add(late)
    ;(members[0] as Entry).state = 'failed'
    const round = [1, 2, 3].map(() => cycle.next(members.slice(1))?.nodeId)
    expect(round).toContain('d')
    expect(round).not.toContain('a')
    expect(cycle.next([])?.nodeId).not.toBe('a')
  })
})

describe('dissemination', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

  it('tells each statement as often as the size of the cluster asks for', () => {
    const news = new Dissemination(10)
    news.tell('a', 'standing', 'suspect', bytes(1))
    let told = 0
    while (news.size > 0) news.take(retransmits(50), () => Boolean(++told))
    expect(told).toBe(7)
    expect([3, 10, 100, 1_000].map(retransmits)).toEqual([3, 5, 9, 13])
  })

  it('tells the urgent first, then the least told, and replaces what is outdated', () => {
    const news = new Dissemination(10)
    const order = (): number[] => {
      const told: number[] = []
      news.take(50, (what) => Boolean(told.push(what[0] as number)))
      return told
    }
    news.tell('a', 'standing', 'suspect', bytes(1))
    expect(order()).toEqual([1])
    news.tell('b', 'standing', 'suspect', bytes(2))
    news.tell('c', 'event', 'event', bytes(3))
    news.tell('self', 'standing', 'refutation', bytes(4))
    expect(order()).toEqual([4, 2, 1, 3])
    news.tell('a', 'standing', 'gone', bytes(5))
    expect(order()).toEqual([4, 5, 2, 3])
    expect(news.size).toBe(4)
  })

  it('keeps what did not fit, takes none twice, and lets less urgent things make room', () => {
    const news = new Dissemination(3)
    news.tell('a', 'event', 'event', bytes(1))
    news.tell('b', 'standing', 'suspect', bytes(2))
    news.tell('c', 'standing', 'suspect', bytes(3))
    news.take(50, () => false)
    expect(news.size).toBe(3)
    expect(news.tell('d', 'standing', 'refutation', bytes(4))).toBe(true)
    expect(news.tell('e', 'event', 'event', bytes(5))).toBe(false)
    const told: number[] = []
    news.take(50, (what) => Boolean(told.push(what[0] as number)))
    expect(told).toEqual([4, 2, 3])
  })
})

describe('suspicion', () => {
  const limits = { minMs: 3_500, maxMs: 21_000 }

  it('lasts from its most to its least time, as others confirm it', () => {
    const times = [0, 1, 2, 3].map((confirmations) => suspicionMs(limits, confirmations, 3))
    expect(times.map(Math.round)).toEqual([21_000, 12_250, 7_132, 3_500])
    expect(suspicionMs(limits, 0, 0)).toBe(3_500)
  })

  it('waits for no more confirmations than there can be', () => {
    expect([2, 3, 4, 5, 100].map((size) => confirmationsNeeded(3, size))).toEqual([0, 1, 2, 3, 3])
  })
})

describe('timers', () => {
  it('fire in the order of their times, each once, wherever they were moved', () => {
    const move = fc.record({ timer: fc.nat(9), atMs: fc.option(fc.nat(100)) })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), fc.nat(100), (moves, nowMs) => {
        const timers = new Timers()
        const fired: number[] = []
        const all = Array.from({ length: 10 }, (_, index) => timers.create(() => fired.push(index)))
        const due = new Map<number, number>()
        for (const { timer, atMs } of moves) {
          if (atMs === null) all[timer]?.cancel()
          else all[timer]?.set(atMs)
          if (atMs === null) due.delete(timer)
          else due.set(timer, atMs)
        }
        expect(timers.nextMs()).toBe(Math.min(...due.values()))
        timers.run(nowMs)
        const expected = [...due]
          .filter(([, atMs]) => atMs <= nowMs)
          .sort(([a, atA], [b, atB]) => atA - atB || a - b)
          .map(([timer]) => timer)
        expect(fired).toEqual(expected)
      }),
    )
  })

  it('that set themselves again wait for the next call, so no pause is caught up with', () => {
    const timers = new Timers()
    let fired = 0
    const timer = timers.create((nowMs) => {
      fired += 1
      timer.set(nowMs)
    })
    timer.set(0)
    timers.run(1_000)
    expect(fired).toBe(1)
  })
})

describe('answered pings', () => {
  const after = (lost: number): AnsweredPings => {
    const pings = new AnsweredPings()
    const random = seededRandom('pings')
    for (let count = 0; count < 500; count += 1) {
      pings.sent()
      if (random.float() >= lost) pings.answered()
    }
    return pings
  }

  it.each([
    { lost: 0, tries: 1 },
    { lost: 0.1, tries: 1 },
    { lost: 0.5, tries: 2 },
    { lost: 0.75, tries: 4 },
    { lost: 1, tries: 4 },
  ])('say how many packets one answer takes ($lost lost)', ({ lost, tries }) => {
    expect(after(lost).tries).toBe(tries)
  })

  it('start well, and answers that come late or twice do not make it better than good', () => {
    const pings = new AnsweredPings()
    for (let count = 0; count < 100; count += 1) pings.answered()
    expect(pings.share).toBe(1)
  })
})
