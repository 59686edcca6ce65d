/** Brief forms; `npm run chaos -- cluster` has the long ones, and more nodes. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FaultName } from '../../src/cluster/faults.ts'
import { runCluster } from '../../src/cluster/run-cluster.ts'

const brief: readonly [FaultName, number][] = [
  ['kill', 5],
  ['pause-3', 4],
  ['restart-storm', 3],
  ['churn', 3],
  ['partition', 6],
  ['loss-20', 4],
]

describe.concurrent('a cluster of real processes keeps its promises', () => {
  it.each(brief)('through %s, with %i nodes', { timeout: 120_000 }, async (fault, nodes) => {
    // A hang ends with the time that a test has.
    const signal = AbortSignal.timeout(110_000)
    const run = { nodes, fault, seed: '1', brief: true, from: 'source', keep: false } as const
    const { findings } = await runCluster({ ...run, signal }, () => {})
    expect(findings.length).toBeGreaterThan(3)
    expect(findings.filter(({ isKept }) => !isKept)).toEqual([])
  })
})

describe('a run that is interrupted', () => {
  it('leaves no process and no namespace behind', async () => {
    const program = join(import.meta.dirname, '../../src/main.ts')
    const args = [
      '-C',
      'nodosum-source',
      program,
      'cluster',
      '--nodes',
      '2',
      '--fault',
      'partition',
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    onTestFinished(() => void child.kill('SIGINT'))
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line)
      if (line.startsWith('partition: ')) break
    }
    // Not the tool that splits the network at this moment.
    const members = ['-P', String(child.pid), '-f', 'member-process']
    const children = execFileSync('pgrep', members, { encoding: 'utf8' })
    expect(children.trim().split('\n')).toHaveLength(2)
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(
      `nd${child.pid}x0a`,
    )
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(
      `nd${child.pid}`,
    )
    for (const pid of children.trim().split('\n')) {
      expect(() => process.kill(Number(pid), 0)).toThrow()
    }
  }, 60_000)
})
