import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeFileAtomic } from '../../src/node.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nodosum-kernel-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

describe('writeFileAtomic', () => {
  it('creates a file that only its owner can read, and leaves nothing beside it', async () => {
    const path = join(directory, 'key.pem')
    await writeFileAtomic(path, 'secret')
    expect(await readFile(path, 'utf8')).toBe('secret')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['key.pem'])
  })

  it('replaces a file with new content and mode', async () => {
    const path = join(directory, 'state')
    await writeFile(path, 'old and longer', { mode: 0o600 })
    await writeFileAtomic(path, Uint8Array.of(1, 2), { mode: 0o640 })
    expect([...(await readFile(path))]).toEqual([1, 2])
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  })

  it('shows a reader the old content or the new, never a part', async () => {
    const path = join(directory, 'state')
    const contents = ['a', 'b'].map((letter) => letter.repeat(1_000_000))
    await writeFileAtomic(path, contents[0] as string)
    let writing = true
    const writer = (async () => {
      for (let round = 1; round <= 20; round += 1) {
        await writeFileAtomic(path, contents[round % 2] as string)
      }
      writing = false
    })()
    let reads = 0
    while (writing) {
      expect(contents.includes(await readFile(path, 'utf8'))).toBe(true)
      reads += 1
    }
    await writer
    expect(reads).toBeGreaterThan(0)
  })

  it('lets writers race: one of them wins, whole', async () => {
    const path = join(directory, 'state')
    const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000))
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)))
    expect(contents).toContain(await readFile(path, 'utf8'))
    expect(await readdir(directory)).toEqual(['state'])
  })

  it('rejects and leaves everything as it was when the file cannot be replaced', async () => {
    const path = join(directory, 'taken')
    await mkdir(join(path, 'inside'), { recursive: true })
    await expect(writeFileAtomic(path, 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/)
    expect(await readdir(directory)).toEqual(['taken'])
  })

  it('rejects when the directory does not exist', async () => {
    await expect(writeFileAtomic(join(directory, 'no', 'file'), 'x')).rejects.toThrow('ENOENT')
    expect(await readdir(directory)).toEqual([])
  })
})
