/**
 * The books of a run of real processes, in one directory. Each node writes what it believes into a
 * file of its own, the program that hurts them writes what it did, and the audit joins them. None
 * of it goes through the product.
 */
import { appendFileSync, closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** What a node says of itself and of others; times are of the machine's wall clock. */
export type ViewEntry = { readonly atMs: number; readonly node: string; readonly boot: string } & (
  | { readonly kind: 'starting' }
  /** `createNode` has resolved: what the node believed then. */
  | { readonly kind: 'joined'; readonly view: Readonly<Record<string, string>> }
  /** It believes something else of another. */
  | {
      readonly kind: 'changed'
      readonly of: string
      readonly change: string
      readonly state: string
    }
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'closed'; readonly error: string | null }
)

/** What was done to the nodes. */
export type DeedEntry = { readonly atMs: number } & (
  | { readonly kind: 'start' | 'kill' | 'stop' | 'continue'; readonly nodes: readonly string[] }
  | { readonly kind: 'split'; readonly sides: readonly (readonly string[])[] }
  /** The network is whole again; so many packets did not pass until then. */
  | { readonly kind: 'heal'; readonly dropped: number }
  | { readonly kind: 'lose'; readonly share: number }
  | { readonly kind: 'end' }
)

const deedsFile = 'deeds.jsonl'

/** Appended at once: only what the system has taken counts as written. */
export function writeView(directory: string, entry: ViewEntry): void {
  const file = join(directory, `${entry.node}.${process.pid}.view.jsonl`)
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

export type Deed = DeedEntry extends infer E ? (E extends unknown ? Omit<E, 'atMs'> : never) : never

export function writeDeed(directory: string, deed: Deed): number {
  const atMs = Date.now()
  appendFileSync(join(directory, deedsFile), `${JSON.stringify({ atMs, ...deed })}\n`)
  return atMs
}

/** Reads the books, and later what was added to them. */
export class Ledgers {
  readonly views: ViewEntry[] = []
  readonly deeds: DeedEntry[] = []
  readonly #directory: string
  readonly #offsets = new Map<string, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  read(): this {
    for (const file of readdirSync(this.#directory).sort()) {
      if (file.endsWith('.view.jsonl')) this.#append(file, this.views)
      else if (file === deedsFile) this.#append(file, this.deeds)
    }
    return this
  }

  /** What follows the last line break may still be written, or is all that a killed process wrote. */
  #append<E>(file: string, entries: E[]): void {
    const text = readFrom(join(this.#directory, file), this.#offsets.get(file) ?? 0)
    const end = text.lastIndexOf('\n') + 1
    this.#offsets.set(file, (this.#offsets.get(file) ?? 0) + Buffer.byteLength(text.slice(0, end)))
    for (const line of text.slice(0, end).split('\n')) {
      if (line !== '') entries.push(JSON.parse(line) as E)
    }
  }
}

function readFrom(path: string, offset: number): string {
  const file = openSync(path, 'r')
  try {
    const chunks: Buffer[] = []
    const chunk = Buffer.alloc(65_536)
    let at = offset
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, at)
      if (length === 0) return Buffer.concat(chunks).toString('utf8')
      chunks.push(Buffer.from(chunk.subarray(0, length)))
      at += length
    }
  } finally {
    closeSync(file)
  }
}
