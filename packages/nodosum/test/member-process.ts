import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { until } from './start-nodes.ts'

/** A node in a process of its own, and what it has printed so far. */
export interface MemberProcess {
  readonly facts: readonly Record<string, unknown>[]
  kill(signal: NodeJS.Signals): void
  /** Resolves to `exit <code>` or the name of the signal. */
  readonly ended: Promise<string>
}

export function startMember(
  options: object,
  file: 'member.ts' | 'ticking.ts' | 'without-quic.ts' | 'stalling-member.ts' = 'member.ts',
): MemberProcess {
  const program = join(import.meta.dirname, 'programs', file)
  const child = spawn(
    process.execPath,
    ['-C', 'nodosum-source', program, JSON.stringify(options)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const facts: Record<string, unknown>[] = []
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    facts.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>))
  })
  const ended = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `exit ${code}`))
  })
  return { facts, kill: (signal) => void child.kill(signal), ended }
}

export async function ready(member: MemberProcess): Promise<void> {
  // Three processes that start at once on a busy machine take half a minute.
  await until(() => member.facts.some((fact) => 'ready' in fact), 45_000)
}
