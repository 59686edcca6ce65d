import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { snapshotFile } from '../../src/adapters/snapshot-file.ts'
import type { SnapshotStore } from '../../src/ports.ts'

const kept = { epoch: 7, peers: [{ host: '10.0.0.1', port: 6_969 }] }
const nothing = { snapshot: null, problem: null }

interface File {
  readonly path: string
  readonly store: SnapshotStore
  /** What is in its directory. */
  names(): Promise<string[]>
}

/** A snapshot of the cluster `shop` in a directory of its own. */
async function fileWithSnapshot(): Promise<File> {
  const directory = await mkdtemp(join(tmpdir(), 'nodosum-membership-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'deep', 'membership')
  const store = snapshotFile(path, { cluster: 'shop' })
  await store.save(kept)
  return { path, store, names: () => readdir(join(directory, 'deep')) }
}

/** A file as a release would write it that has this version. */
function written(version: number, body: string): string {
  const sum = createHash('sha256').update(`${version}\n${body}`).digest('hex')
  return `nodosum-membership ${version} ${sum}\n${body}\n`
}

describe('the file of the snapshot', () => {
  it('gives back what was kept, and makes the directory', async () => {
    const { path, names } = await fileWithSnapshot()
    const again = snapshotFile(path, { cluster: 'shop' })
    expect(await again.load()).toEqual({ snapshot: kept, problem: null })
    expect(await names()).toEqual(['membership'])
  })

  it('is nothing before the first start', async () => {
    const { path } = await fileWithSnapshot()
    expect(await snapshotFile(`${path}-of-another`, { cluster: 'shop' }).load()).toEqual(nothing)
  })

  it('is put aside wherever it was cut, and says so', async () => {
    const { path, store, names } = await fileWithSnapshot()
    const whole = await readFile(path)
    for (let length = 0; length < whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length))
      const { snapshot, problem } = await store.load()
      expect([length, snapshot, problem?.code]).toEqual([length, null, 'ERR_NODOSUM_STORE_CORRUPT'])
      expect(problem?.message).toContain(`moved to ${path}.damaged`)
      expect(await names()).toEqual(['membership.damaged'])
    }
    expect(await store.load()).toEqual(nothing)
  })

  it('is put aside whichever bit of it flipped', async () => {
    const { path, store, names } = await fileWithSnapshot()
    const whole = await readFile(path)
    for (let at = 0; at < whole.length; at += 1) {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      await writeFile(path, flipped)
      const { snapshot, problem } = await store.load()
      expect([at, snapshot, problem?.code]).toEqual([at, null, 'ERR_NODOSUM_STORE_CORRUPT'])
    }
    expect(await names()).toEqual(['membership.damaged'])
  })

  it.each([
    ['longer than any snapshot', `${written(1, '{}')}${' '.repeat(100_000)}`],
    ['whole, but without an epoch', written(1, '{"cluster":"shop","peers":[]}')],
    ['whole, but with half an epoch', written(1, '{"cluster":"shop","epoch":1.5,"peers":[]}')],
    ['of the release before the checksum', '{"epoch":3,"peers":[]}\n'],
  ])('is put aside when it is %s', async (_, text) => {
    const { path, store, names } = await fileWithSnapshot()
    await writeFile(path, text)
    const { snapshot, problem } = await store.load()
    expect([snapshot, problem?.code]).toEqual([null, 'ERR_NODOSUM_STORE_CORRUPT'])
    expect(await names()).toEqual(['membership.damaged'])
  })

  it('of another cluster is no lesson for this one, and is put aside', async () => {
    const { path, names } = await fileWithSnapshot()
    const { snapshot, problem } = await snapshotFile(path, { cluster: 'bank' }).load()
    expect([snapshot, problem?.code]).toEqual([null, 'ERR_NODOSUM_CLUSTER_MISMATCH'])
    expect(problem?.message).toContain('of the cluster "shop", this node belongs to "bank"')
    expect(await names()).toEqual(['membership.foreign'])
  })

  it('of a later release is not guessed at, and is put aside whole', async () => {
    const { path, store, names } = await fileWithSnapshot()
    const later = written(2, '["whatever", "it", "may", "be"]')
    await writeFile(path, later)
    const { snapshot, problem } = await store.load()
    expect([snapshot, problem?.code]).toEqual([null, 'ERR_NODOSUM_VERSION_INCOMPATIBLE'])
    expect(problem?.message).toContain('has version 2, this release reads version 1')
    expect(await names()).toEqual(['membership.newer'])
    expect(await readFile(`${path}.newer`, 'utf8')).toBe(later)
  })

  it('that cannot be read is reported and left where it is', async () => {
    const { path } = await fileWithSnapshot()
    // A file where the directory was: what root may do is not limited by modes.
    const below = snapshotFile(join(path, 'below'), { cluster: 'shop' })
    const { snapshot, problem } = await below.load()
    expect([snapshot, problem?.code]).toEqual([null, 'ERR_NODOSUM_STORE_FAILED'])
    await expect(below.save(kept)).rejects.toMatchObject({ code: 'ERR_NODOSUM_STORE_FAILED' })
    expect((await snapshotFile(path, { cluster: 'shop' }).load()).snapshot).toEqual(kept)
  })

  it('leaves out addresses that are none', async () => {
    const { path, store } = await fileWithSnapshot()
    const peers = '[null,{"host":"a"},{"host":"b","port":9,"x":1}]'
    await writeFile(path, written(1, `{"cluster":"shop","epoch":3,"peers":${peers}}`))
    expect((await store.load()).snapshot).toEqual({ epoch: 3, peers: [{ host: 'b', port: 9 }] })
  })
})
