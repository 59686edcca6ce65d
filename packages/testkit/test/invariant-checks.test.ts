import { describe, expect, it } from 'vitest'
import { InvariantChecks } from '../src/index.ts'

describe('invariants', () => {
  it('are looked at after each step and at checkpoints, and reported with their time', () => {
    let nowMs = 5
    const checks = new InvariantChecks<{ value: number }>(() => nowMs)
    checks.afterEachStep('values are even', ({ value }, atMs) =>
      value % 2 === 0 ? null : `${value} is odd at ${atMs}`,
    )
    checks.atCheckpoints('it is early', (atMs) => (atMs < 10 ? [] : ['late', 'very late']))
    checks.step({ value: 2 })
    checks.checkpoint()
    expect(checks.violations).toEqual([])
    nowMs = 12
    checks.step({ value: 3 })
    checks.checkpoint()
    expect(checks.violations).toEqual([
      { invariant: 'values are even', atMs: 12, detail: '3 is odd at 12' },
      { invariant: 'it is early', atMs: 12, detail: 'late' },
      { invariant: 'it is early', atMs: 12, detail: 'very late' },
    ])
    expect([checks.stepsChecked, checks.checkpointsChecked]).toEqual([2, 2])
  })

  it('keep a hundred violations and count the others', () => {
    const checks = new InvariantChecks<number>(() => 0)
    for (let count = 0; count < 150; count += 1) checks.report('never', `${count}`)
    expect([checks.violations.length, checks.violationCount]).toEqual([100, 150])
  })

  it('have names of their own', () => {
    const checks = new InvariantChecks<number>(() => 0)
    checks.atCheckpoints('once', () => [])
    expect(() => checks.afterEachStep('once', () => null)).toThrow('its own name')
  })
})
