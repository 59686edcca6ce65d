import { isNodosumError } from '@nodosum/kernel'
import { errorText } from './error-text.ts'
import type { Problem } from './resolve-seeds.ts'
import { parseSeed, type Seed } from './seed-address.ts'

/**
 * Seeds from a list that somebody else wrote: texts, or `{ host, port }`. Wrong entries are told
 * and do not hide the good ones.
 */
export function parseEntries(
  entries: readonly unknown[],
  options: {
    readonly defaultPort: number
    readonly entriesMax: number
    /** What to call an entry in words, by its position from 0. */
    readonly where?: (at: number) => string
  },
): { readonly seeds: readonly Seed[]; readonly problems: readonly Problem[] } {
  const { defaultPort, entriesMax, where = (at: number): string => `entry ${at}` } = options
  const seeds: Seed[] = []
  const problems: Problem[] = []
  for (const [at, entry] of entries.slice(0, entriesMax).entries()) {
    try {
      seeds.push(parseSeed(textOf(entry), defaultPort, where(at)))
    } catch (error) {
      // Anything else comes from a getter of the entry.
      const text = isNodosumError(error) ? error.message : `${where(at)}: ${errorText(error)}`
      problems.push({ reason: 'malformed', text })
    }
  }
  const beyond = entries.length - entriesMax
  if (beyond > 0) {
    problems.push({ reason: 'tooLarge', text: `${beyond} more entries left out (addressesMax)` })
  }
  return { seeds, problems }
}

function textOf(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry
  const { host, port } = entry as Record<string, unknown>
  if (typeof host !== 'string' || typeof port !== 'number') return entry
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
