import { describe, expect, it } from 'vitest'
import { type DeliveryFaultName, deliveryFaults } from '../../src/delivery/delivery-faults.ts'
import { runDelivery } from '../../src/delivery/run-delivery.ts'

const names = Object.keys(deliveryFaults) as DeliveryFaultName[]
/** The others take as long as what they do; `npm run chaos -- delivery` has them all. */
const brief = [
  'drain',
  'kill',
  'reload',
  'rough',
  'throws',
] as const satisfies readonly DeliveryFaultName[]

describe('three processes that send to each other', () => {
  it.each(brief)(
    'lose nothing, double nothing and leave nothing untold: %s',
    async (fault) => {
      expect(names).toContain(fault)
      const { problems, counts } = await runDelivery({
        fault,
        nodes: 3,
        messages: 5_000,
        strikes: 1,
        secondsMax: 60,
        keep: false,
      })
      expect(problems).toEqual([])
      expect(counts.started).toBeGreaterThan(5_000)
    },
    150_000,
  )
})

describe('processes without a fault', () => {
  it.each([5, 10])(
    '%i of them send in every way, and every copy has its outcome',
    async (nodes) => {
      const { problems, counts } = await runDelivery({
        fault: 'none',
        nodes,
        messages: 10_000,
        strikes: 0,
        secondsMax: 60,
        keep: false,
      })
      expect(problems).toEqual([])
      expect(counts.books).toBe(nodes)
      expect(counts.started).toBeGreaterThan(10_000)
    },
    150_000,
  )
})
