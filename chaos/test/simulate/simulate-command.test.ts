import { execFileSync, spawnSync } from 'node:child_process'
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

  it('runs the whole stack, prints the same kind of document, and compares repetitions', () => {
    const args = ['--scenario', 'stack-quiet', '--nodes', '3', '--seed', '3', '--repeat', '2']
    const { status, stdout } = simulate(...args, '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      scenario: 'stack-quiet',
      nodes: 3,
      seed: 3,
      outcome: 'ok',
      virtualMs: expect.any(Number),
      wallMs: expect.any(Number),
      metrics: { calls: expect.any(Number), 'told replied': expect.any(Number) },
      violations: [],
      traceHash: expect.any(String),
    })
    const refused = simulate('--scenario', 'stack-quiet', '--nodes', '6')
    expect([refused.status, refused.stderr]).toEqual([
      64,
      "--nodes takes a whole number from 3 to 5, not '6'\n",
    ])
    expect(simulate('--scenario', 'stack-quiet', '--print').stderr).toBe(
      'stack-quiet does not take --print; see --help\n',
    )
  })

  it('prints the steps of a run as data, numbered as --keep takes them', () => {
    const { status, stdout } = simulate('--scenario', 'long-pause', '--print')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ {3}0 {2}\{"do":"fault","fault":\{"kind":"pause"/m)
    expect(stdout).toMatch(/^ {6}\{"do":"start"/m)
  })

  it('says first when, where and of which code gates are measured, then those that were asked for', () => {
    const { status, stdout } = simulate('--gates', '--brief', '--scenario', 'bootstrap')
    const [header = '', ...lines] = stdout.split('\n')
    const [, date = '', commit, node] =
      /^(\d{4}-\d\d-\d\d), commit (\S+), Node (\S+), \d+ x \S/.exec(header) ?? []
    const agoMs = Date.now() - Date.parse(date)
    expect(agoMs).toBeGreaterThanOrEqual(0)
    expect(agoMs).toBeLessThan(2 * 86_400_000)
    const describe = ['describe', '--always', '--dirty']
    expect(commit).toBe(execFileSync('git', describe, { encoding: 'utf8' }).trim())
    expect(node).toBe(process.version)
    expect(lines[0]).toBe('bootstrap, 60 nodes, seed 1: ok')
    const gates = lines.filter((line) => /^(pass|FAIL) /.test(line))
    expect(gates).toHaveLength(3)
    for (const gate of gates) expect(gate).toMatch(/^pass .*\(bootstrap, N=60\)$/)
    expect(lines.at(-2)).toBe('3 of 3 gates pass')
    expect(status).toBe(0)
  })

  it('prints gates as one document, without the line that is for people', () => {
    const args = ['--gates', '--brief', '--scenario', 'bootstrap', '--seed', '2', '--json']
    const { status, stdout } = simulate(...args)
    expect(status).toBe(0)
    const results = JSON.parse(stdout) as { gate: { run: string }; passes: boolean }[]
    expect(results.map(({ gate, passes }) => [gate.run, passes])).toEqual([
      ['bootstrap', true],
      ['bootstrap', true],
      ['bootstrap', true],
    ])
  })

  it('suggests the scenario that was probably meant, and exits with 64', () => {
    const { status, stderr } = simulate('--scenario', 'bootstrp')
    expect([status, stderr]).toEqual([
      64,
      "no scenario is called 'bootstrp'; did you mean 'bootstrap'?\n",
    ])
  })
})
