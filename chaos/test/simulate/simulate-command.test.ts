import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'

const program = join(import.meta.dirname, '../../src/simulate/main.ts')

function simulate(...args: string[]) {
  const command = ['-C', 'nodosum-source', program, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

vi.setConfig({ testTimeout: 60_000 })

describe('the command simulate', () => {
  it('prints one document with the result of a run', () => {
    const args = ['--scenario', 'crash', '--nodes', '10', '--seed', '3', '--json']
    const { status, stdout } = simulate(...args)
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      scenario: 'crash',
      nodes: 10,
      seed: 3,
      outcome: 'ok',
      virtualMs: expect.any(Number),
      wallMs: expect.any(Number),
      metrics: {
        detectedEverywhereP50Ms: expect.any(Number),
        detectedEverywhereP99Ms: expect.any(Number),
        falseDeaths: 0,
        meanBytesPerSecondPerNode: expect.any(Number),
        maxBytesPerSecondPerNode: expect.any(Number),
      },
      violations: [],
    })
  })

  it('says how many seeds of a range failed, and which', () => {
    const args = ['--scenario', 'quick-restart', '--nodes', '4', '--seeds', '1..3', '--json']
    const { status, stdout } = simulate(...args)
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      scenario: 'quick-restart',
      nodes: 4,
      seeds: { first: 1, last: 3 },
      runs: 3,
      failed: 0,
      failedSeeds: [],
    })
  })

  it('prints the steps of a run as data, numbered as --keep takes them', () => {
    const { status, stdout } = simulate('--scenario', 'long-pause', '--print')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ {3}0 {2}\{"do":"fault","fault":\{"kind":"pause"/m)
    expect(stdout).toMatch(/^ {6}\{"do":"start"/m)
  })

  it('suggests the scenario that was probably meant, and exits with 64', () => {
    const { status, stderr } = simulate('--scenario', 'bootstrp')
    expect([status, stderr]).toEqual([
      64,
      "no scenario is called 'bootstrp'; did you mean 'bootstrap'?\n",
    ])
  })
})
