import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the books of all nodes say together. */
export interface Audit {
  readonly sent: number
  readonly handledAsTold: number
  readonly unknown: number
  readonly otherOutcomes: Readonly<Record<string, number>>
  /** Sends without an end: their sender was killed. */
  readonly open: readonly string[]
  /** Told as handled, but in nobody's book. */
  readonly lost: readonly string[]
  /** Handled more than once. */
  readonly repeated: readonly string[]
  /** Handled, but never sent. */
  readonly invented: readonly string[]
}

interface Entry {
  readonly id: string
  readonly outcome?: string
}

/** Reads a book; the last line of a killed process may be torn. */
function readBooks(directory: string, book: string): Entry[] {
  const files = readdirSync(directory).filter((file) => file.endsWith(`.${book}.jsonl`))
  return files.flatMap((file) => {
    const lines = readFileSync(join(directory, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Entry]
      } catch {
        return []
      }
    })
  })
}

/** Joins what senders were told with what receivers wrote. */
export function audit(directory: string): Audit {
  const sent = new Set(readBooks(directory, 'sent').map(({ id }) => id))
  const ended = new Map(readBooks(directory, 'ended').map(({ id, outcome }) => [id, outcome ?? '']))
  const handled = new Map<string, number>()
  for (const { id } of readBooks(directory, 'handled')) handled.set(id, (handled.get(id) ?? 0) + 1)
  const told = [...ended].filter(([, outcome]) => outcome === 'handled').map(([id]) => id)
  const otherOutcomes: Record<string, number> = {}
  for (const outcome of ended.values()) {
    if (outcome !== 'handled') otherOutcomes[outcome] = (otherOutcomes[outcome] ?? 0) + 1
  }
  return {
    sent: sent.size,
    handledAsTold: told.length,
    unknown: otherOutcomes.ERR_NODOSUM_DELIVERY_UNKNOWN ?? 0,
    otherOutcomes,
    open: [...sent].filter((id) => !ended.has(id)),
    lost: told.filter((id) => !handled.has(id)),
    repeated: [...handled].filter(([, times]) => times > 1).map(([id]) => id),
    invented: [...handled.keys()].filter((id) => !sent.has(id)),
  }
}
