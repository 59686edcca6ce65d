import { unkindPath } from '@nodosum/testkit'
import { describe, expect, it } from 'vitest'
import { clausesFor, conformanceClauses } from '../../src/conformance/index.ts'
import { simulatedHarness } from './simulated-harness.ts'

const timeoutMs = 60_000

describe('the simulated transport on a clean path:', () => {
  for (const clause of conformanceClauses) {
    it(
      clause.name,
      async () => {
        const harness = simulatedHarness({ seed: clause.name })
        await expect(harness.run(clause)).resolves.toBeUndefined()
        expect(harness.mesh.counters).toMatchObject({ lost: 0, stalls: 0, broken: 0 })
      },
      timeoutMs,
    )
  }
})

describe('the simulated transport on an unkind path:', () => {
  // Every stream takes several round trips of about 140 ms.
  const volumes = { streamsInTurn: 2_000, lanes: 50, bulkBytes: 16 * 1024 * 1024 }
  const seen = { lost: 0, stalls: 0 }
  for (const clause of conformanceClauses) {
    it(
      clause.name,
      async () => {
        const harness = simulatedHarness({ seed: clause.name, quality: unkindPath, volumes })
        await expect(harness.run(clause)).resolves.toBeUndefined()
        seen.lost += harness.mesh.counters.lost
        seen.stalls += harness.mesh.counters.stalls
      },
      timeoutMs,
    )
  }

  it('was unkind indeed', () => {
    expect(seen.lost).toBeGreaterThan(1_000)
    expect(seen.stalls).toBeGreaterThan(50)
  })
})

describe('the suite', () => {
  it('has clauses with names of their own', () => {
    const names = conformanceClauses.map(({ name }) => name)
    expect(names.length).toBeGreaterThan(50)
    expect(new Set(names).size).toBe(names.length)
  })

  it('leaves out only what a harness declares, and refuses an exception of nothing', () => {
    const harness = simulatedHarness({ seed: 'exceptions' })
    const name = conformanceClauses[0]?.name ?? ''
    const left = clausesFor({ ...harness, exceptions: { [name]: 'no certificates here' } })
    expect(left).toEqual(conformanceClauses.slice(1))
    const wrong = { ...harness, exceptions: { 'no such clause': 'whatever' } }
    expect(() => clausesFor(wrong)).toThrow(/there is no clause "no such clause"/)
  })
})
