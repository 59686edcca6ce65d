import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

export type JournalEntry = Readonly<Record<string, unknown>>

/**
 * A file of JSON lines to which one process appends. A line is handed to the system before `write`
 * returns, so it survives the death of the process, though not that of the machine.
 */
export class Journal {
  readonly file: string
  readonly #descriptor: number

  constructor(file: string) {
    this.file = file
    const torn = existsSync(file) && readJournal(file).torn
    this.#descriptor = openSync(file, 'a')
    // The next line must not be glued to half of one.
    if (torn) writeSync(this.#descriptor, '\n')
  }

  write(entry: JournalEntry): void {
    writeSync(this.#descriptor, `${JSON.stringify({ at: Date.now(), ...entry })}\n`)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

export interface JournalContent {
  readonly entries: readonly JournalEntry[]
  /** The last line was cut off, as a kill can do: it says nothing. */
  readonly torn: boolean
  /** Lines that are damaged anywhere else, from 1. */
  readonly damaged: readonly number[]
}

export function readJournal(file: string): JournalContent {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const torn = text !== '' && !text.endsWith('\n')
  const lines = text.split('\n')
  const last = lines.pop()
  const entries: JournalEntry[] = []
  const damaged: number[] = []
  lines.forEach((line, index) => {
    if (line === '') return
    const entry = parse(line)
    if (entry === null) damaged.push(index + 1)
    else entries.push(entry)
  })
  // Cut off exactly before its newline, a line is whole.
  const rest = torn && last !== undefined ? parse(last) : null
  if (rest !== null) entries.push(rest)
  return { entries, torn, damaged }
}

function parse(line: string): JournalEntry | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as JournalEntry) : null
  } catch {
    return null
  }
}
