import { type BootId, type NodeId, seededRandom } from '@nodosum/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dissemination, retransmits } from '../../src/core/dissemination.ts'
import { changeKind, type Member, supersedes } from '../../src/core/member.ts'
import { MemberTable } from '../../src/core/member-table.ts'
import { ProbeCycle } from '../../src/core/probe-cycle.ts'
import { suspicionMs } from '../../src/core/suspicion.ts'

function member(id: string, changes: Partial<Member> = {}): Member {
  return {
    nodeId: id as NodeId,
    bootId: 'b1' as BootId,
    incarnation: { epoch: 1, counter: 1 },
    addresses: [],
    state: 'alive',
    tags: {},
    applications: [],
    formed: true,
    ...changes,
  }
}

const statement = fc.record({
  bootId: fc.constantFrom('b1', 'b2') as fc.Arbitrary<BootId>,
  incarnation: fc.record({ epoch: fc.nat(2), counter: fc.nat(2) }),
  state: fc.constantFrom('alive', 'suspect', 'failed', 'left', 'draining'),
}) as fc.Arbitrary<Partial<Member>>

describe('statements about one node', () => {
  it('have an order without contradictions', () => {
    fc.assert(
      fc.property(statement, statement, statement, (x, y, z) => {
        const [a, b, c] = [member('n', x), member('n', y), member('n', z)]
        expect(supersedes(a, a)).toBe(false)
        expect(supersedes(a, b) && supersedes(b, a)).toBe(false)
        if (supersedes(a, b) && supersedes(b, c) && a.bootId === c.bootId) {
          expect(supersedes(a, c)).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('let only a higher incarnation take an accusation back', () => {
    const failed = member('n', { state: 'failed' })
    expect(supersedes(member('n', { state: 'suspect' }), failed)).toBe(false)
    expect(supersedes(member('n'), failed)).toBe(false)
    expect(supersedes(member('n', { incarnation: { epoch: 1, counter: 2 } }), failed)).toBe(true)
    expect(supersedes(member('n', { incarnation: { epoch: 2, counter: 0 } }), failed)).toBe(true)
    expect(supersedes(member('n', { incarnation: { epoch: 0, counter: 9 } }), failed)).toBe(false)
  })

  it('show as the change that a user sees', () => {
    const alive = member('n')
    const next = { bootId: 'b2' as BootId, incarnation: { epoch: 2, counter: 0 } }
    expect(changeKind(undefined, alive)).toBe('joined')
    expect(changeKind(undefined, member('n', { state: 'failed' }))).toBeNull()
    expect(changeKind(alive, member('n', { state: 'suspect' }))).toBe('suspect')
    expect(changeKind(member('n', { state: 'suspect' }), alive)).toBe('alive')
    expect(changeKind(member('n', { state: 'failed' }), alive)).toBe('joined')
    expect(changeKind(alive, member('n', next))).toBe('restarted')
    expect(changeKind(member('n', { state: 'left' }), member('n', next))).toBe('joined')
    expect(changeKind(alive, member('n', { tags: { zone: 'a' } }))).toBe('updated')
    expect(changeKind(alive, member('n', { incarnation: { epoch: 1, counter: 9 } }))).toBeNull()
  })
})

describe('the table of members', () => {
  it('makes room by forgetting who is gone for longest, and never a living one', () => {
    const table = new MemberTable(3)
    table.put(member('a'), 0)
    table.put(member('b', { state: 'failed' }), 10)
    table.put(member('c', { state: 'left' }), 5)
    expect(table.put(member('d'), 20)).toBe(true)
    expect(table.all().map(({ nodeId }) => nodeId)).toEqual(['a', 'b', 'd'])
    expect(table.put(member('e'), 30)).toBe(true)
    expect(table.put(member('f'), 40)).toBe(false)
    expect(table.present().map(({ nodeId }) => nodeId)).toEqual(['a', 'd', 'e'])
  })

  it('counts the time in a state from when that state began', () => {
    const table = new MemberTable(3)
    table.put(member('a', { state: 'suspect' }), 10)
    table.put(member('a', { state: 'suspect', incarnation: { epoch: 1, counter: 2 } }), 50)
    expect(table.sinceMs('a' as NodeId)).toBe(10)
    table.put(member('a', { state: 'failed' }), 60)
    expect(table.sinceMs('a' as NodeId)).toBe(60)
    table.forget(1_060, 1_000)
    expect(table.failed()).toHaveLength(1)
    table.forget(1_061, 1_000)
    expect(table.all()).toEqual([])
  })
})

describe('the cycle of probes', () => {
  it('takes everybody once before anybody twice', () => {
    const members = Array.from({ length: 10 }, (_, index) => member(`n${index}`))
    const cycle = new ProbeCycle(seededRandom('cycle'))
    const orders = [1, 2, 3].map(() => members.map(() => cycle.next(members)?.nodeId))
    for (const order of orders) expect(new Set(order).size).toBe(10)
    expect(orders[0]).not.toEqual(orders[1])
  })

  it('leaves out who is gone, and takes in who is new at the next turn', () => {
    const cycle = new ProbeCycle(seededRandom('cycle'))
    const both = [member('a'), member('b')]
    const first = cycle.next(both)?.nodeId
    const other = both.filter(({ nodeId }) => nodeId === first)
    expect(cycle.next(other)?.nodeId).toBe(first)
    expect(cycle.next([])).toBeUndefined()
  })
})

describe('dissemination', () => {
  it('tells each statement as often as the size of the cluster asks for', () => {
    const news = new Dissemination<string, string>(10)
    news.tell('a', 'a is suspect')
    let told = 0
    while (news.size > 0) news.take(50, () => Boolean(++told))
    expect(told).toBe(retransmits(50))
    expect(retransmits(50)).toBe(8)
  })

  it('tells the least told first, and replaces what is outdated', () => {
    const news = new Dissemination<string, string>(10)
    news.tell('a', 'a is suspect')
    news.take(50, () => true)
    news.tell('b', 'b is suspect')
    const order: string[] = []
    news.take(50, (what) => Boolean(order.push(what)))
    expect(order).toEqual(['b is suspect', 'a is suspect'])
    news.tell('a', 'a is failed')
    const next: string[] = []
    news.take(50, (what) => Boolean(next.push(what)))
    expect(next).toEqual(['a is failed', 'b is suspect'])
  })

  it('keeps what did not fit, and lets the most told make room', () => {
    const news = new Dissemination<string, string>(2)
    news.tell('a', 'a')
    news.take(50, () => true)
    news.tell('b', 'b')
    news.take(50, () => false)
    news.tell('c', 'c')
    const left: string[] = []
    news.take(50, (what) => Boolean(left.push(what)))
    expect(left.sort()).toEqual(['b', 'c'])
  })
})

describe('suspicion', () => {
  it('lasts longer in larger clusters, and never less than its minimum', () => {
    expect(suspicionMs(3_500, 1)).toBe(3_500)
    expect(suspicionMs(3_500, 10)).toBe(3_500)
    expect(suspicionMs(3_500, 100)).toBe(7_000)
    expect(suspicionMs(3_500, 1_000)).toBeCloseTo(10_500)
  })
})
