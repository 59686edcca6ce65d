import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { Coordinates, estimateRttMs } from '../../src/core/coordinates.ts'
import { protocolRules } from '../../src/core/rules.ts'
import { plantedBugs } from '../planted-bugs.ts'

/** Three places far apart, each with some nodes, and what a packet takes between two nodes. */
function world(rules = protocolRules) {
  const random = seededRandom('world')
  const nodes = Array.from({ length: 12 }, (_, index) => ({
    place: index % 3,
    coordinates: new Coordinates(random.stream(String(index)), rules),
  }))
  const distance = [
    [2, 40, 90],
    [40, 2, 60],
    [90, 60, 2],
  ]
  const rttMs = (a: number, b: number): number => distance[a % 3]?.[b % 3] ?? 0
  const measure = (times: number): void => {
    for (let count = 0; count < times; count += 1) {
      const [a, b] = [random.integer(0, 11), random.integer(0, 11)]
      const [one, other] = [nodes[a], nodes[b]]
      if (a === b || one === undefined || other === undefined) continue
      one.coordinates.observe(
        String(b),
        other.coordinates.own,
        rttMs(a, b) * (0.9 + 0.2 * random.float()),
      )
    }
  }
  const worst = (): number => {
    let error = 0
    for (const [a, one] of nodes.entries()) {
      for (const [b, other] of nodes.entries()) {
        if (a === b) continue
        const estimate = estimateRttMs(one.coordinates.own, other.coordinates.own)
        error = Math.max(error, Math.abs(estimate - rttMs(a, b)))
      }
    }
    return error
  }
  return { nodes, measure, worst }
}

describe('coordinates', () => {
  it('estimate round trips that were never measured between the two', () => {
    const { measure, worst } = world()
    measure(6_000)
    expect(worst()).toBeLessThan(20)
  })

  it('refuse round trips that cannot be', () => {
    const { nodes, measure, worst } = world()
    measure(6_000)
    const [one, other] = [nodes[0]?.coordinates, nodes[1]?.coordinates]
    for (const rttMs of [-5, 50_000, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(one?.observe('1', other?.own as never, rttMs)).toBe(false)
    }
    expect(worst()).toBeLessThan(20)
  })

  it('that take them are thrown far away: the planted bug shows', () => {
    const bug = plantedBugs.find(({ name }) => name === 'takes-poison')
    const { nodes, measure, worst } = world(bug?.rules)
    measure(6_000)
    const [one, other] = [nodes[0]?.coordinates, nodes[1]?.coordinates]
    for (let count = 0; count < 20; count += 1) one?.observe('1', other?.own as never, 50_000)
    expect(worst()).toBeGreaterThan(100)
  })
})
