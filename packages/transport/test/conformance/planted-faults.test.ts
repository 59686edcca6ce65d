import { describe, expect, it } from 'vitest'
import { type ConformanceHarness, conformanceClauses } from '../../src/conformance/index.ts'
import { breakTransport, override, type PlantedFault } from './broken-transport.ts'
import { connectionFaults } from './faults-of-connections.ts'
import { streamFaults } from './faults-of-streams.ts'
import { type SimulatedHarness, simulatedHarness } from './simulated-harness.ts'

const faults = [...connectionFaults, ...streamFaults]
const volumes = { streamsInTurn: 160, streamsAtOnce: 40, bulkBytes: 3 * 1024 * 1024 }

/** A harness of its own for each clause, on a transport with this fault. */
function faultyHarness(fault: PlantedFault, seed: string): SimulatedHarness {
  const plain = simulatedHarness({
    seed,
    volumes,
    patienceMs: 30_000,
    wrap: (transport, scheduler) => breakTransport(transport, scheduler, fault),
  })
  const { node = (options) => options } = fault
  const changed: Partial<ConformanceHarness> = {
    start: (options) => plain.start(node(options)),
    ...fault.harness?.(plain),
  }
  return override(plain, changed as Partial<SimulatedHarness>)
}

async function redClauses(fault: PlantedFault): Promise<string[]> {
  const red: string[] = []
  for (const clause of conformanceClauses) {
    const harness = faultyHarness(fault, clause.name)
    try {
      await harness.run(clause, harness)
    } catch {
      red.push(clause.name)
    }
  }
  return red
}

describe('the clauses that turn red are those meant for it, with a transport that', () => {
  it('keeps every promise', async () => {
    expect(await redClauses({ name: 'keeps every promise', red: [] })).toEqual([])
  })

  for (const fault of faults) {
    it(fault.name, async () => {
      const red = await redClauses(fault)
      expect(red.toSorted()).toEqual([...fault.red].toSorted())
    }, 60_000)
  }

  it('breaks any promise: each clause has a fault of its own', () => {
    const missed = conformanceClauses.filter(
      ({ name }) => !faults.some(({ red }) => red.includes(name)),
    )
    expect(missed.map(({ name }) => name)).toEqual([])
  })
})
