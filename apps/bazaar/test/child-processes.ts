import { spawnSync } from 'node:child_process'

/** The ids of the processes that this process has started and that still run. */
export function childrenOf(parent: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, ppid, ...words]) => Number(ppid) === parent && words.join(' ').includes('process.ts'),
    )
    .map(([pid]) => Number(pid))
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
