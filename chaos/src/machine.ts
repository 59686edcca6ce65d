import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** Where, when and of what commit something was measured. */
export function machine(): Record<string, unknown> {
  const git = (...given: string[]): string =>
    execFileSync('git', given, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    isClean: git('status', '--porcelain', '--', '../../packages', '.') === '',
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  }
}
