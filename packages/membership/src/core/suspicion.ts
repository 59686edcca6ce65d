/**
 * How long a member is suspected before it is declared failed:
 * `suspicionMinMs * max(1, log10(n))`. The minimum of 3.5 s lets a process that stood still for
 * 3 s come back in time to deny it.
 */
export function suspicionMs(suspicionMinMs: number, clusterSize: number): number {
  return suspicionMinMs * Math.max(1, Math.log10(clusterSize))
}
