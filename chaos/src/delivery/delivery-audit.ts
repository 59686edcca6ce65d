import type { DeliveryBook, Way } from './delivery-book.ts'
import { neverRan, neverTaken } from './outcome-codes.ts'

/** What was done to processes, by node and in time. */
export interface DeliveryDeeds {
  /** Nodes of which a process was killed. */
  readonly killed: ReadonlySet<string>
  /** How many processes were killed: their books have no end. */
  readonly kills: number
  /** How many processes were started: each has a book. */
  readonly started: number
  /** Whether nothing went wrong on purpose: then everything arrives, however often nodes leave. */
  readonly isOrderly: boolean
}

/** What all books say together. */
export interface DeliveryAudit {
  readonly counts: {
    readonly books: number
    /** Copies that the product took: a broadcast to three is three. */
    readonly accepted: number
    readonly refused: number
    readonly started: number
    readonly undelivered: number
    /** Of processes that were killed before they knew. */
    readonly open: number
  }
  /** Everything that must not be; empty when all is well. */
  readonly problems: readonly string[]
}

/** Of each sort at most so many are named. */
const namedMax = 5

/** Joins what senders were told with what receivers wrote. Pure. */
export function auditDeliveries(
  books: readonly DeliveryBook[],
  deeds: DeliveryDeeds,
): DeliveryAudit {
  const problems = new Problems()
  const startedBy = startsOf(books, problems)
  const intended = new Map<string, Way>()
  let accepted = 0
  let refused = 0
  let open = 0
  for (const book of books) {
    for (const { id, way } of book.intents) {
      if (intended.has(id)) problems.add('asked for twice', id)
      intended.set(id, way)
    }
    for (const copy of book.endedTwice) problems.add('ended twice', copy)
    const copies = copiesOf(book)
    const taken = copies.filter(({ outcome }) => outcome === null || !neverTaken.has(outcome))
    accepted += taken.length
    refused += book.refused.size
    for (const copy of copies) {
      if (copy.outcome === null && !book.isClosed) open += 1
      judge(copy, startedBy.has(copy.key), book.isClosed, problems)
    }
    for (const key of book.refused.keys()) {
      if (startedBy.has(key)) problems.add('refused, but its handler started', key)
    }
    if (book.isClosed) {
      judgeFires(book, copies, startedBy, problems)
      judgeCounters(book, taken.length, problems)
    }
    judgeUnknown(book, deeds, problems)
    if (deeds.isOrderly) judgeOrderly(book, copies, problems)
  }
  for (const [key] of startedBy) {
    if (!intended.has(idOf(key))) problems.add('handled, but never sent', key)
  }
  for (const book of books) judgeOrder(book, intended, problems)

  const started = books.reduce((sum, book) => sum + book.started.length, 0)
  const undelivered = books.reduce((sum, book) => sum + book.undelivered.size, 0)
  if (accepted === 0) problems.add('nothing was sent: the run proves nothing', 'no intent')
  if (started === 0) problems.add('nothing was handled: the run proves nothing', 'no start')
  if (books.length !== deeds.started) {
    problems.add(`${deeds.started} processes were started`, `${books.length} books`)
  }
  const endless = books.filter(({ isClosed }) => !isClosed)
  if (endless.length > deeds.kills) {
    const names = endless.map(({ node, pid }) => `${node}.${pid}`).join()
    problems.add(`${deeds.kills} were killed, but others ended in the middle, too`, names)
  }
  const counts = { books: books.length, accepted, refused, started, undelivered, open }
  return { counts, problems: problems.lines() }
}

/** One message to one node that the product took, and what became of it as its caller was told. */
interface Copy {
  /** `id>node` */
  readonly key: string
  readonly way: Way
  readonly outcome: string | null
}

/** A broadcast's copies are known by its outcomes: whoever is in none was no target. */
function copiesOf(book: DeliveryBook): Copy[] {
  const accepted: Copy[] = []
  const broadcasts = new Map<string, string[]>()
  for (const key of book.ended.keys()) {
    const id = idOf(key)
    const keys = broadcasts.get(id)
    if (keys === undefined) broadcasts.set(id, [key])
    else keys.push(key)
  }
  for (const { id, way, to } of book.intents) {
    const keys = to === null ? (broadcasts.get(id) ?? []) : [`${id}>${to}`]
    for (const key of keys) {
      if (!book.refused.has(key)) accepted.push({ key, way, outcome: book.ended.get(key) ?? null })
    }
  }
  return accepted
}

/** Who started what; nothing may start twice at one node. */
function startsOf(books: readonly DeliveryBook[], problems: Problems): ReadonlyMap<string, string> {
  const starts = new Map<string, string>()
  for (const { node, started } of books) {
    for (const { id, messageId } of started) {
      const key = `${id}>${node}`
      if (starts.has(key)) problems.add('handled twice', key)
      starts.set(key, messageId)
    }
  }
  return starts
}

/** What one caller was told, beside whether the handler started. */
function judge(
  { key, way, outcome }: Copy,
  isStarted: boolean,
  isClosed: boolean,
  problems: Problems,
): void {
  if (outcome === 'handled' || outcome === 'replied') {
    if (!isStarted) problems.add(`lost: told as ${outcome}, but in nobody's book`, key)
  } else if (outcome !== null && neverRan.has(outcome)) {
    if (isStarted) problems.add(`told as ${outcome}, but its handler started`, key)
  } else if (outcome === null && isClosed && way !== 'fire') {
    problems.add('its caller was never told', key)
  }
}

/**
 * Of those that nobody waits for, only the product's own ids are known at their end: of each pair of
 * nodes as many must have been told as undelivered as did not start.
 */
function judgeFires(
  book: DeliveryBook,
  accepted: readonly Copy[],
  startedBy: ReadonlyMap<string, string>,
  problems: Problems,
): void {
  const startedIds = new Set(startedBy.values())
  const missing = new Map<string, string[]>()
  for (const { key, way, outcome } of accepted) {
    const isOpen = way === 'fire' || (way === 'broadcast' && outcome === 'accepted')
    if (!isOpen || startedBy.has(key)) continue
    const to = nodeOf(key)
    missing.set(to, [...(missing.get(to) ?? []), key])
  }
  const told = new Map<string, number>()
  for (const [messageId, { to }] of book.undelivered) {
    if (!startedIds.has(messageId)) told.set(to, (told.get(to) ?? 0) + 1)
  }
  for (const [to, keys] of missing) {
    const silent = keys.length - (told.get(to) ?? 0)
    if (silent > 0) {
      problems.add(`lost in silence: ${silent} of ${book.node} to ${to}, such as`, keys[0] ?? '')
    }
  }
}

/** The product's own counters have to agree with the book. */
function judgeCounters(book: DeliveryBook, accepted: number, problems: Problems): void {
  const { counters } = book
  const name = `${book.node}.${book.pid}`
  if (counters === null) return problems.add('no counters at its end', name)
  const { delivered, rejected, expired, unknown, inFlight } = counters
  const sum = delivered + rejected + expired + unknown + inFlight
  if (counters.accepted !== sum) {
    problems.add(`accepted ${counters.accepted}, but the outcomes are ${sum}`, name)
  }
  if (inFlight !== 0) problems.add(`${inFlight} in flight after its end`, name)
  if (counters.accepted !== accepted) {
    problems.add(`counted ${counters.accepted} as accepted, its book has ${accepted}`, name)
  }
}

/** Unknown is for what died, and for who leaves before he has heard. */
function judgeUnknown(book: DeliveryBook, { killed }: DeliveryDeeds, problems: Problems): void {
  for (const [messageId, { to, code }] of book.undelivered) {
    if (code !== 'ERR_NODOSUM_DELIVERY_UNKNOWN') continue
    if (killed.has(to) || killed.has(book.node) || book.undeliveredAtClose.has(messageId)) continue
    problems.add(`unknown although neither ${book.node} nor ${to} died`, messageId)
  }
}

/** Where nodes only leave and return, no message is undelivered and no request fails twice. */
function judgeOrderly(book: DeliveryBook, copies: readonly Copy[], problems: Problems): void {
  for (const [messageId, { to, code }] of book.undelivered) {
    problems.add(`undelivered, ${code}, although nothing went wrong at ${to}`, messageId)
  }
  for (const { key, way, outcome } of copies) {
    if (outcome === null || outcome === 'handled' || outcome === 'replied') continue
    if (way === 'again') problems.add(`failed at another node as well, ${outcome}`, key)
    if (way === 'request' && !neverRan.has(outcome)) problems.add(`nobody knows, ${outcome}`, key)
    if (way === 'handled' && !neverRan.has(outcome)) problems.add(`nobody knows, ${outcome}`, key)
  }
}

/** Per sender, way and receiving process, handlers start in the order of the sends. */
function judgeOrder(
  book: DeliveryBook,
  intended: ReadonlyMap<string, Way>,
  problems: Problems,
): void {
  const last = new Map<string, number>()
  for (const { id } of book.started) {
    const way = intended.get(id)
    // Requests have no order, they run side by side.
    if (way === undefined || way === 'request' || way === 'again') continue
    const dot = id.lastIndexOf('.')
    const lane = id.slice(0, dot)
    const number = Number(id.slice(dot + 1))
    const before = last.get(lane)
    if (before !== undefined && number <= before) {
      problems.add(`out of order at ${book.node}: after number ${before}`, id)
    }
    last.set(lane, number)
  }
}

function idOf(key: string): string {
  return key.slice(0, key.indexOf('>'))
}

function nodeOf(key: string): string {
  return key.slice(key.indexOf('>') + 1)
}

/** Problems by their sort, each with a few examples. */
class Problems {
  readonly #found = new Map<string, { count: number; named: string[] }>()

  add(what: string, which: string): void {
    const found = this.#found.get(what) ?? { count: 0, named: [] }
    found.count += 1
    if (found.named.length < namedMax) found.named.push(which)
    this.#found.set(what, found)
  }

  lines(): string[] {
    return [...this.#found].map(([what, { count, named }]) => {
      const more = count > named.length ? ` and ${count - named.length} more` : ''
      return `${what}: ${named.join(', ')}${more}`
    })
  }
}
