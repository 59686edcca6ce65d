import { inspect } from 'node:util'
import { isNodosumError, NodosumError } from '@nodosum/kernel'

/** What a module of a test cluster asked for: one entry for each node that it named. */
export interface RecordedSend {
  readonly application: string
  readonly lane: string
  readonly kind: 'message' | 'request'
  readonly from: string
  /** Null for `anyNode()`, `nearest()` and `ownerOf(key)`. */
  readonly to: string | null
  readonly payload: unknown
  /** What the caller was told: nothing yet, that it is accepted or delivered, or a code. */
  readonly outcome: string
}

/** A handler that was started. */
export interface RecordedDelivery {
  readonly application: string
  readonly lane: string
  readonly kind: 'message' | 'request'
  readonly from: string
  readonly to: string
  readonly messageId: string
  readonly payload: unknown
  readonly handler: 'running' | 'done' | 'threw'
}

/** What the book makes of it; requests are not in it, since each of them is answered. */
export interface DeliveryAccount {
  readonly accepted: number
  readonly delivered: number
  /** Accepted, and then told to `undelivered`. */
  readonly undelivered: number
  /** Accepted, not delivered, and nobody was told: `application from > to`, with the payload. */
  readonly lost: readonly string[]
  /** Handlers that were started more often than somebody sent. */
  readonly duplicated: readonly string[]
}

type Told<Entry> = { -readonly [K in keyof Entry]: Entry[K] } & { readonly key: string }

/**
 * What was sent and which handlers were started, written down where the users' code meets the
 * product: nothing that the product counts is in it.
 */
export class DeliveryBook {
  readonly #entriesMax: number
  readonly #sends: Told<RecordedSend>[] = []
  readonly #deliveries: Told<RecordedDelivery>[] = []
  readonly #undelivered: { application: string; from: string; to: string; messageId: string }[] = []
  #omitted = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get sends(): readonly RecordedSend[] {
    return this.#complete(this.#sends)
  }

  get deliveries(): readonly RecordedDelivery[] {
    return this.#complete(this.#deliveries)
  }

  /** @returns takes what the caller is told */
  sent(send: Omit<RecordedSend, 'outcome'>): (outcome: string) => void {
    if (!this.#hasRoom()) return () => undefined
    const entry = { ...send, outcome: 'pending', key: keyOf(send.payload) }
    this.#sends.push(entry)
    return (outcome) => {
      entry.outcome = outcome
    }
  }

  /** @returns takes how the handler ended */
  started(delivery: Omit<RecordedDelivery, 'handler'>): (handler: 'done' | 'threw') => void {
    if (!this.#hasRoom()) return () => undefined
    const running: RecordedDelivery['handler'] = 'running'
    const entry: Told<RecordedDelivery> = {
      ...delivery,
      handler: running,
      key: keyOf(delivery.payload),
    }
    this.#deliveries.push(entry)
    return (handler) => {
      entry.handler = handler
    }
  }

  undelivered(event: { application: string; from: string; to: string; messageId: string }): void {
    if (this.#hasRoom()) this.#undelivered.push(event)
  }

  /** Whether nobody waits to be told how a send of his went. */
  get isSettled(): boolean {
    return this.#sends.every(({ outcome }) => outcome !== 'pending')
  }

  account(): DeliveryAccount {
    const sends = this.#complete(this.#sends).filter(({ kind }) => kind === 'message')
    const deliveries = this.#deliveries.filter(({ kind }) => kind === 'message')
    const isDelivered = new Set(deliveries.map(({ messageId }) => messageId))
    const told = this.#undelivered.filter(({ messageId }) => !isDelivered.has(messageId))
    const arrived = new Tally()
    for (const delivery of deliveries) arrived.add(journeyOf(delivery), delivery.to)
    const excuses = new Tally()
    for (const { application, from, to } of told) excuses.add(`${application} ${from}`, to)
    const accepted = sends.filter(({ outcome }) => isAccepted(outcome))
    const lost: string[] = []
    // Whoever named a node first: what is left over may be an answer to "any".
    for (const send of accepted.toSorted((a, b) => Number(a.to === null) - Number(b.to === null))) {
      const { application, from, to, payload } = send
      if (arrived.take(journeyOf(send), to)) continue
      if (excuses.take(`${application} ${from}`, to)) continue
      lost.push(`${application} ${from} > ${to ?? 'any'}: ${brief(payload)}`)
    }
    // A send of which the caller was told that it failed, or nothing, may have arrived all the same.
    for (const send of sends) {
      if (!isAccepted(send.outcome)) arrived.take(journeyOf(send), send.to)
    }
    return {
      accepted: accepted.length,
      delivered: deliveries.length,
      undelivered: told.length,
      lost,
      duplicated: arrived.rest(),
    }
  }

  /** What finds none is counted, and costs nothing more. */
  #hasRoom(): boolean {
    if (this.#sends.length + this.#deliveries.length < this.#entriesMax) return true
    this.#omitted += 1
    return false
  }

  /** A book with pages missing proves nothing. */
  #complete<Entry>(list: readonly Entry[]): readonly Entry[] {
    if (this.#omitted === 0) return list
    throw new NodosumError(
      'ERR_NODOSUM_LIMIT_PENDING',
      `the test cluster has written down ${this.#entriesMax} sends and deliveries (ledgerMax) and left out ${this.#omitted}`,
    )
  }
}

/** The code of what a call rejected with. */
export function outcomeOf(error: unknown): string {
  return isNodosumError(error) ? error.code : String(error)
}

/** A payload in few words. */
export function brief(payload: unknown): string {
  const text = inspect(payload, { depth: 4, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

/** The same text for what is the same after its journey. */
export function keyOf(payload: unknown): string {
  if (payload instanceof Uint8Array) return `bytes ${Buffer.from(payload).toString('hex')}`
  return inspect(payload, {
    depth: null,
    sorted: true,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
  })
}

function isAccepted(outcome: string): boolean {
  return outcome === 'accepted' || outcome === 'delivered'
}

/** What went from whom, wherever it went. */
function journeyOf(entry: {
  readonly application: string
  readonly from: string
  readonly key: string
}): string {
  return `${entry.application} ${entry.from}: ${entry.key}`
}

/** How often something is there, by who received it. */
class Tally {
  readonly #counts = new Map<string, Map<string, number>>()

  add(what: string, to: string): void {
    const counts = this.#counts.get(what) ?? new Map<string, number>()
    this.#counts.set(what, counts)
    counts.set(to, (counts.get(to) ?? 0) + 1)
  }

  /** Takes one away, of whoever it is when `to` is null. */
  take(what: string, to: string | null): boolean {
    const counts = this.#counts.get(what)
    const [first] = counts?.keys() ?? []
    const found = to ?? first
    const count = found === undefined ? 0 : (counts?.get(found) ?? 0)
    if (found === undefined || count === 0) return false
    if (count > 1) counts?.set(found, count - 1)
    else counts?.delete(found)
    return true
  }

  rest(): string[] {
    return [...this.#counts].flatMap(([what, counts]) =>
      [...counts].map(([to, count]) => `${what.slice(0, 160)} > ${to} (${count} times too often)`),
    )
  }
}
