import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NodosumError } from '@nodosum/kernel'
import { processIsAlive } from '@nodosum/kernel/node'
import { holderIsDead, type LockRecord, parseLockRecord } from '../core/lock-record.ts'
import { processBirth, processSpace } from './process-birth.ts'

const pollMsMin = 10
const pollMsSpread = 30
const leftoverAgeMs = 3_600_000
const leftoversMax = 1_000
// A lock, the right to remove it, the right to remove that, …: each level needs another death
// within the microseconds of a removal.
const removalDepthMax = 4

/**
 * Runs the work while holding a lock file, so that of all processes of this user only one does.
 *
 * The file appears by `link`, complete and only if there was none. It names its holder; when that
 * process is dead (killed, or its id belongs to a younger process) the file is removed. Removing
 * is the delicate part, because between looking and removing somebody else may have taken the
 * lock anew: so it needs a lock of its own, named after the token of the dead one.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the file, when `waitMs` was not enough
 */
export async function withFileLock<T>(
  path: string,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const claim = await Claim.prepare(path)
  try {
    await claim.acquire(path, waitMs)
    try {
      await removeLeftovers(path)
      return await work()
    } finally {
      await claim.release(path)
    }
  } finally {
    await claim.discard()
  }
}

/** One attempt: a complete file of its own, ready to be linked to the lock's name. */
class Claim {
  readonly #file: string
  readonly #record: LockRecord

  private constructor(file: string, record: LockRecord) {
    this.#file = file
    this.#record = record
  }

  static async prepare(path: string): Promise<Claim> {
    const token = randomBytes(8).toString('hex')
    const [space, birth] = await Promise.all([processSpace(), processBirth(process.pid)])
    const record = { token, pid: process.pid, space, birth: birth ?? null }
    const claim = new Claim(`${path}.${token}.new`, record)
    await claim.#write()
    return claim
  }

  async discard(): Promise<void> {
    await removeIfThere(this.#file)
  }

  async acquire(path: string, waitMs: number): Promise<void> {
    const deadline = performance.now() + waitMs
    while (!(await this.#tryOnce(path, 0))) {
      if (performance.now() >= deadline) throw await stillHeld(path, waitMs)
      await delay(pollMsMin + Math.random() * pollMsSpread)
    }
  }

  // Somebody may have deleted the file by hand, and a third one taken the lock.
  async release(path: string): Promise<void> {
    const holder = await readLock(path)
    if (holder?.token === this.#record.token) await removeIfThere(path)
  }

  async #tryOnce(path: string, depth: number): Promise<boolean> {
    if (await this.#link(path)) return true
    const holder = await readLock(path)
    if (holder === undefined || depth === removalDepthMax) return false
    if (!(await this.#isDead(holder))) return false
    await this.#removeDead(path, holder, depth)
    return this.#link(path)
  }

  /** Removes the lock if it still is the one of that dead holder. */
  async #removeDead(path: string, dead: LockRecord, depth: number): Promise<void> {
    const right = `${path}.${dead.token}`
    if (!(await this.#tryOnce(right, depth + 1))) return
    try {
      // Only who has this right removes a lock with this token, and tokens never come again: so
      // if the lock has it now, it has it still when it is removed.
      const now = await readLock(path)
      if (now?.token === dead.token) await removeIfThere(path)
    } finally {
      await removeIfThere(right)
    }
  }

  async #isDead(holder: LockRecord): Promise<boolean> {
    const alive = processIsAlive(holder.pid)
    const birthNow = alive ? await processBirth(holder.pid) : undefined
    return holderIsDead(holder, { space: this.#record.space, alive, birthNow })
  }

  async #link(path: string): Promise<boolean> {
    try {
      await link(this.#file, path)
      return true
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false
      if (!isCode(error, 'ENOENT')) throw error
      // Somebody tidied up after an hour of waiting; begin anew.
      await this.#write()
      return false
    }
  }

  // Synced, so that after a power cut no lock of unknown holder is left.
  async #write(): Promise<void> {
    const file = await open(this.#file, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(this.#record)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

async function readLock(path: string): Promise<LockRecord | undefined> {
  try {
    return parseLockRecord(await readFile(path, 'utf8'))
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function stillHeld(path: string, waitMs: number): Promise<NodosumError> {
  const holder = await readLock(path)
  const who =
    holder === undefined
      ? 'which does not say who holds it'
      : `held by process ${holder.pid} on ${holder.space}`
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `Waited ${waitMs} ms for the lock file ${path}, ${who}. ` +
      'If no start is in progress there, delete the file and start again.',
    { details: { lockFile: path, holderPid: holder?.pid ?? null } },
  )
}

/** What killed processes left: never the lock itself, and nothing that may be in use. */
async function removeLeftovers(path: string): Promise<void> {
  const directory = dirname(path)
  const prefix = `${basename(path)}.`
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix))
  for (const name of names.slice(0, leftoversMax)) {
    const file = join(directory, name)
    const found = await stat(file).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > leftoverAgeMs) await removeIfThere(file)
  }
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error
  })
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code
}
