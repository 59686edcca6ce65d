/**
 * Whether a process with this id exists on this machine, for instance the holder of a lock file.
 * Ids are reused, so true does not mean it is the same process.
 */
export function processIsAlive(pid: number): boolean {
  // 0 and negative numbers name process groups.
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
