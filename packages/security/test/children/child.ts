import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** A script beside this file in a process of its own, which is killed when the test ends. */
export interface Child {
  readonly process: ChildProcess
  /** Everything it wrote, once it ended; rejects when it failed. */
  readonly output: Promise<string>
  /** Resolves when it wrote anything. */
  readonly spoke: Promise<unknown>
}

export function startChild(script: string, ...values: readonly string[]): Child {
  return start([], script, values)
}

/** The same with mounts of its own, as root of a user namespace. Linux only. */
export function startWithOwnMounts(script: string, ...values: readonly string[]): Child {
  return start(['unshare', '--map-root-user', '--mount'], script, values)
}

function start(before: readonly string[], script: string, values: readonly string[]): Child {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const node = [process.execPath, '--conditions=nodosum-source', file, ...values]
  const [command = '', ...rest] = [...before, ...node]
  const child = spawn(command, rest, {
    stdio: 'pipe',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return { process: child, output: outputOf(child), spoke: once(child.stdout, 'data') }
}

export async function kill(child: Child): Promise<void> {
  const ended = once(child.process, 'exit')
  child.process.kill('SIGKILL')
  await ended
}

async function outputOf(child: ReturnType<typeof spawn>): Promise<string> {
  const { stdout, stderr } = child
  const text = { out: '', err: '' }
  stdout?.on('data', (chunk: Buffer) => (text.out += chunk))
  stderr?.on('data', (chunk: Buffer) => (text.err += chunk))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code === 0 || signal === 'SIGKILL') return text.out
  throw new Error(`ended with ${code ?? signal}: ${text.err}`)
}
