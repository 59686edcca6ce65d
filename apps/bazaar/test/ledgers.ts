import type { Ledgers } from '../src/account.ts'
import type { JournalContent, JournalEntry } from '../src/journal.ts'

/** One order of a history. Two units of `tea`, unless told. */
export interface Sale {
  readonly id: string
  readonly outcome: 'confirmed' | 'failed'
  readonly quantity?: number
}

/** Mutable, so that a test can spoil it. */
export interface History {
  customers: JournalEntry[]
  processes: Map<string, JournalEntry[]>
  opening: Map<string, number>
  closing: Map<string, number>
  damaged: number[]
}

/** What an honest shop writes about these sales: the first at `a`, the second at `b`, and so on. */
export function honestHistory(sales: readonly Sale[], opening = 100): History {
  const customers: JournalEntry[] = []
  const processes = new Map<string, JournalEntry[]>([
    ['a', [{ event: 'started' }]],
    ['b', [{ event: 'started' }]],
  ])
  let sold = 0
  sales.forEach(({ id, outcome, quantity = 2 }, index) => {
    const journal = processes.get(index % 2 === 0 ? 'a' : 'b') as JournalEntry[]
    const lines = [{ sku: 'tea', quantity }]
    customers.push({ event: 'order', orderId: id, lines })
    journal.push({ event: 'placed', orderId: id, lines })
    journal.push({ event: 'decided', orderId: id, outcome })
    journal.push({ event: outcome, orderId: id })
    customers.push({ event: 'answer', orderId: id, outcome })
    if (outcome === 'confirmed') sold += quantity
  })
  return {
    customers,
    processes,
    opening: new Map([['tea', opening]]),
    closing: new Map([['tea', opening - sold]]),
    damaged: [],
  }
}

export function ledgersOf(history: History): Ledgers {
  const journal = (entries: readonly JournalEntry[]): JournalContent => ({
    entries,
    torn: false,
    damaged: [],
  })
  return {
    customers: { ...journal(history.customers), damaged: history.damaged },
    processes: new Map([...history.processes].map(([name, all]) => [name, journal(all)])),
    openingStock: history.opening,
    closingStock: history.closing,
  }
}
