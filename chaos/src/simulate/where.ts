import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'

/** When, where and of which code figures are, in one line; so that a printed table says it. */
export function whereText(): string {
  const processors = cpus()
  const machine = `${processors.length} x ${processors[0]?.model ?? 'unknown processor'}`
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, commit ${commit()}, Node ${process.version}, ${machine}`
}

function commit(): string {
  try {
    const [cwd, encoding] = [import.meta.dirname, 'utf8'] as const
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd, encoding }).trim()
  } catch {
    return 'unknown'
  }
}
