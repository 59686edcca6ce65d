import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)
const psTimeoutMs = 2_000

/**
 * When a process started, as text to compare, so that a new process with a reused id is not taken
 * for the old one. Undefined when there is no such process, or the system does not tell.
 */
export async function processBirth(pid: number): Promise<string | undefined> {
  return (await birthFromProc(pid)) ?? (await birthFromPs(pid))
}

/** Names where process ids mean the same: the machine, and on Linux the namespace of ids. */
export async function processSpace(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => 'pid')
  return `${hostname()} ${namespace}`
}

// Ticks since the machine started mean something only together with that start.
async function birthFromProc(pid: number): Promise<string | undefined> {
  try {
    const [stat, machineBoot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile('/proc/sys/kernel/random/boot_id', 'latin1'),
    ])
    // Field 2 is the program's name in parentheses and may hold anything, also parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields[19]
    return ticks === undefined ? undefined : `${machineBoot.trim()} ${ticks}`
  } catch {
    return undefined
  }
}

async function birthFromPs(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux' || process.platform === 'win32') return undefined
  try {
    const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
    const options = { timeout: psTimeoutMs, env: environment }
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], options)
    const started = stdout.trim()
    return started === '' ? undefined : started
  } catch {
    return undefined
  }
}
