import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventLoopDelay } from '../../src/adapters/event-loop-delay.ts'
import { snapshotFile } from '../../src/adapters/snapshot-file.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'membership-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('the file of the snapshot', () => {
  it('gives back what was kept, and makes the directory', async () => {
    const path = join(directory, 'deep', 'membership.json')
    const store = snapshotFile(path)
    expect(await store.load()).toBeUndefined()
    const snapshot = { epoch: 7, peers: [{ host: '10.0.0.1', port: 6_969 }] }
    await store.save(snapshot)
    expect(await snapshotFile(path).load()).toEqual(snapshot)
    expect(await readdir(join(directory, 'deep'))).toEqual(['membership.json'])
    expect(await readFile(path, 'utf8')).toContain('"epoch":7')
  })

  it.each(['', '{', 'null', '{"epoch":-1,"peers":[]}', '{"epoch":1.5,"peers":[]}', '{"epoch":1}'])(
    'counts as none when it is damaged: %j',
    async (text) => {
      const path = join(directory, 'damaged.json')
      await writeFile(path, text)
      expect(await snapshotFile(path).load()).toBeUndefined()
    },
  )

  it('leaves out addresses that are none', async () => {
    const path = join(directory, 'odd.json')
    await writeFile(path, '{"epoch":3,"peers":[null,{"host":"a"},{"host":"b","port":9,"x":1}]}')
    expect(await snapshotFile(path).load()).toEqual({ epoch: 3, peers: [{ host: 'b', port: 9 }] })
  })
})

describe('the delay of the event loop', () => {
  it('is the longest since it was last asked', async () => {
    const delay = eventLoopDelay()
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 25))
    await turn()
    const until = performance.now() + 300
    while (performance.now() < until);
    await turn()
    expect(delay.takeMaxMs()).toBeGreaterThan(100)
    delay.close()
    expect(delay.takeMaxMs()).toBe(0)
  })
})
