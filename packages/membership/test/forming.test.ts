import { describe, expect, it } from 'vitest'
import type { SimulatedNode, SimulatedNodeOptions } from './simulated-cluster.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

const lookMs = 20
const ids = ['a', 'b', 'c', 'd', 'e']

function orders(rest: readonly string[]): string[][] {
  if (rest.length === 0) return [[]]
  return rest.flatMap((first) =>
    orders(rest.filter((id) => id !== first)).map((others) => [first, ...others]),
  )
}

/** Whether nodes that have formed know nothing of each other, not even through others. */
function areTwo(nodes: readonly SimulatedNode[]): boolean {
  const known = new Map(nodes.map((node) => [node.id as string, node.idsIn('alive', 'suspect')]))
  const [first, ...others] = nodes.filter(({ isFormed }) => isFormed).map(({ id }) => id as string)
  if (first === undefined) return false
  const reached = new Set([first])
  for (const id of reached) {
    for (const other of known.get(id) ?? []) reached.add(other)
    for (const [other, theirs] of known) if (theirs.includes(id)) reached.add(other)
  }
  return others.some((id) => !reached.has(id))
}

/**
 * Starts five nodes one after the other, runs until all have formed, and says whether at any moment
 * there were two clusters.
 */
function race(
  order: readonly string[],
  options: SimulatedNodeOptions,
  how: { readonly apartMs: number; readonly loss?: number },
): { readonly formed: readonly string[]; readonly wereTwo: boolean; readonly agrees: boolean } {
  const { apartMs, loss = 0 } = how
  const cluster = new SimulatedCluster(order.join(''), { delayMs: 1, jitterMs: 4, loss })
  const nodes: SimulatedNode[] = []
  let wereTwo = false
  const isOver = (): boolean => {
    wereTwo ||= areTwo(nodes)
    return (
      nodes.length === order.length && nodes.every(({ isFormed }) => isFormed) && cluster.agrees
    )
  }
  const run = (forMs: number): void => {
    for (let leftMs = forMs; leftMs > 0 && !isOver(); leftMs -= lookMs) {
      cluster.scheduler.runFor(Math.min(lookMs, leftMs))
    }
  }
  for (const id of order) {
    nodes.push(cluster.start(id, options))
    run(apartMs)
  }
  run(20_000)
  const formed = nodes.filter(({ isFormed }) => isFormed).map(({ id }) => id)
  return { formed, wereTwo, agrees: cluster.agrees }
}

describe('five first starts', () => {
  // Everybody is expected, or more than half: two groups of three cannot be disjoint among five.
  it.each([
    ['at once, all of them expected', 5, { apartMs: 1 }],
    ['at once, three of them expected', 3, { apartMs: 1 }],
    ['one after the other, three of them expected', 3, { apartMs: 700 }],
    ['at once, on links that lose a third', 3, { apartMs: 1, loss: 0.33 }],
  ])('%s, form one cluster in every order', (_, expect_, how) => {
    for (const order of orders(ids)) {
      const end = race(order, { formation: { expect: expect_ } }, how)
      expect([order.join(''), end.formed.length, end.wereTwo, end.agrees]).toEqual([
        order.join(''),
        5,
        false,
        true,
      ])
    }
  })

  it('that may each form alone do form several on bad links: so nobody may unless told', () => {
    const end = race(ids, { formation: { alone: true } }, { apartMs: 1, loss: 0.95 })
    expect([end.formed.length, end.wereTwo]).toEqual([5, true])
    const cut = race(ids, { formation: {} }, { apartMs: 1 })
    expect(cut.formed).toEqual([])
  })

  it('wait while one of the expected is missing, and for as long as it is', () => {
    for (const missing of ids) {
      const there = ids.filter((id) => id !== missing)
      expect(race(there, { formation: { expect: 5 } }, { apartMs: 1 }).formed).toEqual([])
    }
  })
})
