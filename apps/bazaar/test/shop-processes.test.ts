import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readJournal } from '../src/journal.ts'
import { ShopProcesses } from '../src/shop-processes.ts'
import { childrenOf } from './child-processes.ts'

describe('the processes of the shop', { timeout: 30_000 }, () => {
  let directory: string
  let processes: ShopProcesses
  let ended: string[]
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bazaar-processes-'))
    processes = new ShopProcesses(directory, 3)
    ended = []
    processes.onUnexpectedEnd = (name, how) => ended.push(`${name} ${how}`)
  })
  afterEach(() => {
    processes.killAll()
    rmSync(directory, { recursive: true, force: true })
  })

  it('start, write a log and a journal, and end when asked', async () => {
    expect(processes.names).toEqual(['bazaar-1', 'bazaar-2', 'bazaar-3'])
    await processes.start('bazaar-1')
    const journal = readJournal(join(directory, 'journals', 'bazaar-1.jsonl'))
    expect(journal.entries).toMatchObject([{ event: 'started' }])
    expect(await processes.stop()).toEqual([])
    expect(childrenOf(process.pid)).toEqual([])
    expect(readFileSync(processes.logFile('bazaar-1'), 'utf8')).toContain('node.closed')
    expect(ended).toEqual([])
  })

  it('are missed when one ends by itself, and not when it is killed on purpose', async () => {
    await processes.start('bazaar-1')
    const [pid] = childrenOf(process.pid)
    process.kill(pid as number, 'SIGKILL')
    await expect.poll(() => ended).toEqual(['bazaar-1 ended by itself with SIGKILL'])

    await processes.start('bazaar-1')
    processes.kill('bazaar-1')
    await expect.poll(() => childrenOf(process.pid)).toEqual([])
    expect(await processes.stop()).toEqual([])
    expect(ended).toHaveLength(1)
  })

  it('say why when one cannot start', async () => {
    writeFileSync(join(directory, 'shop.db'), 'this is no database, and long enough to tell so')
    await expect(processes.start('bazaar-1')).rejects.toThrow(
      /^bazaar-1 ended with 1 before it joined\n[\s\S]*file is not a database/,
    )
    expect(ended).toEqual([])
  })
})
