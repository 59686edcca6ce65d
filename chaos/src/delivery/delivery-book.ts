/**
 * What every process of a run writes of its messages, in a file of its own and outside the product:
 * a line for each event, its first character says which, blanks separate the fields.
 */
import { openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * How a message goes out; each has a lane of its own, so that its order can be checked. `again` is a
 * request that one node refused, asked once more of another one.
 */
export type Way = 'fire' | 'handled' | 'request' | 'again' | 'broadcast'

/** What one process wrote. */
export interface DeliveryBook {
  readonly node: string
  readonly pid: string
  /** In the order in which it asked for them; `to` is null for a broadcast. */
  readonly intents: { readonly id: string; readonly way: Way; readonly to: string | null }[]
  /** Of each copy, `id>node`: the code with which the product refused it. */
  readonly refused: Map<string, string>
  /** Of each copy: `handled`, `replied`, `accepted`, or a code. */
  readonly ended: Map<string, string>
  /** Copies that ended more than once. */
  readonly endedTwice: string[]
  /** By the product's own message id. */
  readonly undelivered: Map<string, { readonly to: string; readonly code: string }>
  /** Undelivered ones of which it heard only when it was closing. */
  readonly undeliveredAtClose: Set<string>
  /** Handlers that started here, in their order. */
  readonly started: { readonly messageId: string; readonly id: string }[]
  /** The product's counters at the end; null when the process was killed. */
  counters: DeliveryCounters | null
  isClosed: boolean
}

/** Of `node.metrics()`, for the application of the run. */
export interface DeliveryCounters {
  readonly accepted: number
  readonly delivered: number
  readonly rejected: number
  readonly expired: number
  readonly unknown: number
  readonly inFlight: number
}

const suffix = '.book'

/** Appends to the book of this process; only what the system has taken counts as written. */
export class BookWriter {
  readonly #file: number

  constructor(directory: string, node: string) {
    this.#file = openSync(join(directory, `${node}.${process.pid}${suffix}`), 'a')
  }

  /** Before the product is asked, so that nothing can arrive that nobody wrote. */
  intents(way: Way, to: string | null, ids: readonly string[]): void {
    writeSync(this.#file, ids.map((id) => `I ${id} ${way} ${to ?? '*'}\n`).join(''))
  }

  refused(id: string, to: string, code: string): void {
    writeSync(this.#file, `R ${id}>${to} ${code}\n`)
  }

  ended(id: string, to: string, outcome: string): void {
    writeSync(this.#file, `E ${id}>${to} ${outcome}\n`)
  }

  undelivered(messageId: string, to: string, code: string): void {
    writeSync(this.#file, `U ${messageId} ${to} ${code}\n`)
  }

  started(messageId: string, id: string): void {
    writeSync(this.#file, `S ${messageId} ${id}\n`)
  }

  closing(): void {
    writeSync(this.#file, 'Z\n')
  }

  closed(counters: DeliveryCounters): void {
    writeSync(this.#file, `C ${JSON.stringify(counters)}\nX\n`)
  }
}

/** Whether a file of a run's directory is a book of messages. */
export function isBook(file: string): boolean {
  return file.endsWith(suffix)
}

/** Reads a book; the last line of a killed process may be torn, no other. */
export function readBook(directory: string, file: string): DeliveryBook {
  const [node = '', pid = ''] = file.slice(0, -suffix.length).split('.')
  return parseBook(node, pid, readFileSync(join(directory, file), 'utf8'))
}

/** @param text what `BookWriter` wrote */
export function parseBook(node: string, pid: string, text: string): DeliveryBook {
  const book: DeliveryBook = {
    node,
    pid,
    intents: [],
    refused: new Map(),
    ended: new Map(),
    endedTwice: [],
    undelivered: new Map(),
    undeliveredAtClose: new Set(),
    started: [],
    counters: null,
    isClosed: false,
  }
  let isClosing = false
  let from = 0
  for (let end = text.indexOf('\n'); end >= 0; from = end + 1, end = text.indexOf('\n', from)) {
    const [event, one = '', two = '', three = ''] = text.slice(from, end).split(' ')
    if (event === 'I') {
      book.intents.push({ id: one, way: two as Way, to: three === '*' ? null : three })
    } else if (event === 'R') book.refused.set(one, two)
    else if (event === 'E') {
      if (book.ended.has(one)) book.endedTwice.push(one)
      book.ended.set(one, two)
    } else if (event === 'U') {
      book.undelivered.set(one, { to: two, code: three })
      if (isClosing) book.undeliveredAtClose.add(one)
    } else if (event === 'S') book.started.push({ messageId: one, id: two })
    else if (event === 'Z') isClosing = true
    else if (event === 'C') book.counters = JSON.parse(one) as DeliveryCounters
    else if (event === 'X') book.isClosed = true
    else throw new Error(`a line of ${node}.${pid} is none: ${text.slice(from, end)}`)
  }
  return book
}
