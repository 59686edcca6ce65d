/** What a lock file says about who holds it. */
export interface LockRecord {
  /** Random, new for every attempt; names this very lock and no later one. */
  readonly token: string
  readonly pid: number
  /** Where `pid` has a meaning: machine and namespace. */
  readonly space: string
  /** When the process started; null when the system does not tell. */
  readonly birth: string | null
}

const tokenPattern = /^[0-9a-f]{16}$/
const textMax = 512

/** Parses a lock file; undefined when it is none. */
export function parseLockRecord(text: string): LockRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { token, pid, space, birth } = value as Record<string, unknown>
  if (typeof token !== 'string' || !tokenPattern.test(token)) return undefined
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined
  if (typeof space !== 'string' || space.length > textMax) return undefined
  if (birth !== null && (typeof birth !== 'string' || birth.length > textMax)) return undefined
  return { token, pid: pid as number, space, birth }
}

/**
 * Whether the holder certainly lives no more. `birthNow` is when the process with its id started,
 * undefined when there is none or the system does not tell; `alive` is whether there is one.
 * In doubt the holder counts as alive: two at once are worse than an error.
 */
export function holderIsDead(
  record: LockRecord,
  here: { readonly space: string; readonly alive: boolean; readonly birthNow: string | undefined },
): boolean {
  if (record.space !== here.space) return false
  if (!here.alive) return true
  return record.birth !== null && here.birthNow !== undefined && record.birth !== here.birthNow
}
