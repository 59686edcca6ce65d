import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, readFile, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { withFileLock } from '../../src/adapters/file-lock.ts'
import { processBirth, processSpace } from '../../src/adapters/process-birth.ts'
import { kill, startChild } from '../children/child.ts'
import { errorOf } from '../errors.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

const waitMs = 20_000

async function place() {
  const directory = await temporaryDirectory()
  return { directory, path: join(directory, 'lock') }
}

/** A lock file as if left by a process; without changes by this living one. */
async function plant(path: string, change: Record<string, unknown> = {}): Promise<string> {
  const token = randomBytes(8).toString('hex')
  const birth = (await processBirth(process.pid)) ?? null
  const record = { token, pid: process.pid, space: await processSpace(), birth, ...change }
  await writeFile(path, JSON.stringify(record))
  return token
}

const younger = { birth: 'of the process that had this id before' }

describe('the lock', () => {
  it('lets one in at a time, whatever each of them ends with, and leaves nothing behind', async () => {
    const { directory, path } = await place()
    const inside = { now: 0, most: 0, total: 0 }
    const attempts = Array.from({ length: 12 }, (_, at) =>
      withFileLock(path, waitMs, async () => {
        inside.now += 1
        inside.total += 1
        inside.most = Math.max(inside.most, inside.now)
        await readFile(path)
        inside.now -= 1
        if (at % 3 === 0) throw new Error('on purpose')
        return at
      }),
    )
    const results = await Promise.allSettled(attempts)
    expect(results.filter(({ status }) => status === 'rejected').length).toBe(4)
    expect(results[1]).toEqual({ status: 'fulfilled', value: 1 })
    expect(inside).toEqual({ now: 0, most: 1, total: 12 })
    expect(await readdir(directory)).toEqual([])
  })

  it('ends the wait with an error that names file and holder, and does not touch them', async () => {
    const { directory, path } = await place()
    await plant(path)
    const before = await readFile(path, 'utf8')
    const error = await errorOf(() => withFileLock(path, 100, async () => 'never'))
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    expect(error.message).toContain(`lock file ${path}, held by process ${process.pid}`)
    expect(error.details).toEqual({ lockFile: path, holderPid: process.pid })
    expect(await readFile(path, 'utf8')).toBe(before)
    expect(await readdir(directory)).toEqual(['lock'])
  })

  it.each([
    ['of another machine', { space: 'elsewhere', pid: 2 ** 22 + 1 }],
    ['whose start is not known', { birth: null }],
  ])('%s is respected, because in doubt its holder lives', async (_, change) => {
    const { path } = await place()
    await plant(path, change)
    const error = await errorOf(() => withFileLock(path, 60, async () => 'never'))
    expect(error.message).toContain('held by process')
  })

  it('that says nothing of its holder is respected', async () => {
    const { path } = await place()
    await writeFile(path, 'rubbish')
    const error = await errorOf(() => withFileLock(path, 60, async () => 'never'))
    expect(error.message).toContain('does not say who holds it')
    expect(error.details).toEqual({ lockFile: path, holderPid: null })
  })

  it('of somebody else is not released by one whose own was deleted by hand', async () => {
    const { path } = await place()
    let other = ''
    await withFileLock(path, waitMs, async () => {
      await unlink(path)
      other = await plant(path)
    })
    expect(await readFile(path, 'utf8')).toContain(other)
  })

  it('is still taken by one whose waiting file somebody tidied up', async () => {
    const { directory, path } = await place()
    await plant(path)
    const waiting = withFileLock(path, waitMs, async () => 'done')
    const claims = async () => (await readdir(directory)).filter((name) => name.endsWith('.new'))
    await expect.poll(claims, { timeout: 20_000 }).toHaveLength(1)
    for (const name of await claims()) await unlink(join(directory, name))
    await unlink(path)
    expect(await waiting).toBe('done')
    expect(await readdir(directory)).toEqual([])
  })
})

describe('the lock of a dead process', () => {
  it('that was killed while it held it is taken over at once', async () => {
    const { directory, path } = await place()
    const holder = startChild('hold-lock.ts', path)
    await holder.spoke
    const held = await errorOf(() => withFileLock(path, 50, async () => 'never'))
    expect(held.message).toContain(`held by process ${holder.process.pid}`)
    await kill(holder)
    expect(await withFileLock(path, 2_000, async () => 'mine')).toBe('mine')
    // Its own file stays until it is old, for nobody knows whose it was.
    expect((await readdir(directory)).filter((name) => !name.endsWith('.new'))).toEqual([])
  })

  it('is taken over when a younger process has its id', async () => {
    const { path } = await place()
    await plant(path, younger)
    expect(await withFileLock(path, 2_000, async () => 'mine')).toBe('mine')
  })

  it('lets one in at a time also when many find it together', async () => {
    for (let round = 0; round < 3; round++) {
      const { directory, path } = await place()
      await plant(path, younger)
      const inside = { now: 0, most: 0 }
      const attempts = Array.from({ length: 12 }, () =>
        withFileLock(path, waitMs, async () => {
          inside.now += 1
          inside.most = Math.max(inside.most, inside.now)
          await readFile(path)
          inside.now -= 1
        }),
      )
      await Promise.all(attempts)
      expect(inside).toEqual({ now: 0, most: 1 })
      expect(await readdir(directory)).toEqual([])
    }
  })

  it('is taken over also when another one died while it removed it', async () => {
    const { directory, path } = await place()
    const token = await plant(path, younger)
    const second = await plant(`${path}.${token}`, younger)
    await plant(`${path}.${token}.${second}`, younger)
    expect(await withFileLock(path, 2_000, async () => 'mine')).toBe('mine')
    expect(await readdir(directory)).toEqual([])
  })

  it('waits for one that is removing it', async () => {
    const { path } = await place()
    const token = await plant(path, younger)
    await plant(`${path}.${token}`)
    const work = vi.fn(async () => 'mine')
    await errorOf(() => withFileLock(path, 60, work))
    expect(work).not.toHaveBeenCalled()
    await unlink(`${path}.${token}`)
    expect(await withFileLock(path, 2_000, work)).toBe('mine')
  })
})

describe('the lock of a living process', () => {
  it('that took it since it was seen dead is not removed', async () => {
    const { path } = await place()
    const token = await plant(path, younger)
    // The right to remove it is a pipe, so its reader stops just between looking and removing.
    const right = `${path}.${token}`
    execFileSync('mkfifo', [right])
    const work = vi.fn(async () => 'mine')
    const waiting = errorOf(() => withFileLock(path, 60, work))
    const pipe = await open(right, 'w')
    const living = await plant(path)
    const dead = { token: '0123456789abcdef', pid: process.pid, space: await processSpace() }
    const record = JSON.stringify({ ...dead, ...younger })
    await pipe.writeFile(record)
    await pipe.close()
    await expect.poll(() => existsSync(`${right}.${dead.token}`), { timeout: 20_000 }).toBe(true)
    await writeFile(right, record)
    expect((await waiting).message).toContain('held by process')
    expect(work).not.toHaveBeenCalled()
    expect(await readFile(path, 'utf8')).toContain(living)
  })
})

describe('what killed processes left', () => {
  it('is removed after an hour, and nothing younger or of another name', async () => {
    const { directory, path } = await place()
    const hourAgo = new Date(Date.now() - 3_700_000)
    for (const name of ['lock.old.new', 'lock.young.new', 'locksmith', 'other.new']) {
      await writeFile(join(directory, name), '')
      if (name !== 'lock.young.new') await utimes(join(directory, name), hourAgo, hourAgo)
    }
    await withFileLock(path, waitMs, async () => {})
    expect((await readdir(directory)).toSorted()).toEqual([
      'lock.young.new',
      'locksmith',
      'other.new',
    ])
  })
})
