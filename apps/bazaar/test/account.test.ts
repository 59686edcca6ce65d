import { describe, expect, it } from 'vitest'
import { type Account, computeAccount, describeAccount } from '../src/account.ts'
import type { JournalEntry } from '../src/journal.ts'
import { type History, honestHistory, ledgersOf } from './ledgers.ts'

const sales = [
  { id: 'o1', outcome: 'confirmed' },
  { id: 'o2', outcome: 'failed' },
  { id: 'o3', outcome: 'confirmed' },
  { id: 'o4', outcome: 'confirmed' },
] as const

function accountOf(spoil: (history: History) => void = () => undefined): Account {
  const history = honestHistory(sales)
  spoil(history)
  return computeAccount(ledgersOf(history))
}

function journalOf(history: History, name: string): JournalEntry[] {
  return history.processes.get(name) as JournalEntry[]
}

function remove(entries: JournalEntry[], orderId: string, ...events: string[]): void {
  const left = entries.filter(
    (entry) => entry.orderId !== orderId || !events.includes(String(entry.event)),
  )
  entries.splice(0, entries.length, ...left)
}

describe('an honest history', () => {
  it('balances', () => {
    const account = accountOf()
    expect(account).toEqual({
      placed: 4,
      confirmed: 3,
      failed: 1,
      pending: [],
      oversold: 0,
      soldOut: 0,
      lost: [],
      problems: [],
    })
    expect(describeAccount(account)).toMatch(/^placed 4 = confirmed 3 \+ pending 0 \+ failed 1\n/)
    expect(describeAccount(account)).toMatch(
      /\nfailed: the bank declined, or the product was sold out/,
    )
    expect(describeAccount({ ...account, failed: 0 })).not.toContain('failed:')
    expect(describeAccount(account)).toMatch(/the account balances$/)
  })

  it('balances when an order was taken up again and confirmed once more elsewhere', () => {
    const account = accountOf((history) => {
      journalOf(history, 'b').push({ event: 'placed', orderId: 'o1' })
      journalOf(history, 'b').push({ event: 'confirmed', orderId: 'o1' })
    })
    expect(account.problems).toEqual([])
    expect(account.confirmed).toBe(3)
  })

  it('balances when a process was killed between a decision and writing it down', () => {
    const account = accountOf((history) => {
      history.customers.push({ event: 'kill', name: 'a', inFlight: ['o1'] })
      remove(journalOf(history, 'a'), 'o1', 'decided')
    })
    expect(account.problems).toEqual([])
  })

  it('lists an order that was in flight at a kill as pending, and lets it hold stock', () => {
    const account = accountOf((history) => {
      history.customers.push({ event: 'kill', name: 'a', inFlight: ['o1'] })
      remove(history.customers, 'o1', 'answer')
      remove(journalOf(history, 'a'), 'o1', 'decided', 'confirmed')
    })
    expect(account.problems).toEqual([])
    expect(account.pending).toEqual(['o1'])
    expect(describeAccount(account)).toContain('pending: o1')
  })

  it('counts what is sold out', () => {
    const history = honestHistory([{ id: 'o1', outcome: 'confirmed', quantity: 5 }], 5)
    expect(computeAccount(ledgersOf(history))).toMatchObject({ soldOut: 1, problems: [] })
  })
})

/** Each of these has to keep the account from balancing, with these words. */
const badHistories: readonly [string, (history: History) => void, string | RegExp][] = [
  [
    'a customer was told what no journal says',
    (history) => remove(journalOf(history, 'a'), 'o1', 'confirmed', 'decided'),
    'o1: its customer was told confirmed, the journals say nothing',
  ],
  [
    'a customer was told the opposite of what the journals say',
    (history) => {
      remove(history.customers, 'o1', 'answer')
      history.customers.push({ event: 'answer', orderId: 'o1', outcome: 'failed' })
    },
    'o1: its customer was told failed, the journals say confirmed',
  ],
  [
    'an order vanished from every journal, and its stock did not come back',
    (history) => {
      remove(history.customers, 'o1', 'order', 'answer')
      remove(journalOf(history, 'a'), 'o1', 'placed', 'confirmed', 'decided')
    },
    'tea: 4 of 100 sold, and only 94 are left',
  ],
  [
    'an order is pending and nothing excuses it',
    (history) => {
      remove(history.customers, 'o1', 'answer')
      remove(journalOf(history, 'a'), 'o1', 'confirmed', 'decided')
    },
    'o1 is pending and was not in flight at a kill',
  ],
  [
    'an order was decided by two processes',
    (history) =>
      void journalOf(history, 'b').push({ event: 'decided', orderId: 'o1', outcome: 'confirmed' }),
    'o1 is decided twice: at a and at b',
  ],
  [
    'an order was decided twice by one process',
    (history) =>
      void journalOf(history, 'a').push({ event: 'decided', orderId: 'o1', outcome: 'confirmed' }),
    'o1 is decided twice: at a and at a',
  ],
  [
    'an order was confirmed twice, and took stock twice',
    (history) => void history.closing.set('tea', 92),
    'tea: 6 of 100 sold, and only 92 are left',
  ],
  [
    'an order is confirmed here and failed there',
    (history) => {
      journalOf(history, 'b').push({ event: 'placed', orderId: 'o1' })
      journalOf(history, 'b').push({ event: 'failed', orderId: 'o1' })
    },
    'o1 is confirmed and failed',
  ],
  [
    'an order was decided one way and reported another',
    (history) => {
      remove(journalOf(history, 'a'), 'o1', 'decided')
      journalOf(history, 'b').push({ event: 'decided', orderId: 'o1', outcome: 'failed' })
    },
    'o1 is confirmed and was decided as failed',
  ],
  [
    'an order was confirmed and nobody decided so',
    (history) => remove(journalOf(history, 'a'), 'o1', 'decided'),
    'o1 is confirmed, and no process decided it',
  ],
  [
    'more was sold than there was',
    (history) => {
      history.opening.set('tea', 5)
      history.closing.set('tea', 0)
    },
    'tea: 6 units sold of 5',
  ],
  [
    'something was sold that the catalogue does not have',
    (history) => {
      history.opening.delete('tea')
    },
    'tea: 6 units sold of 0',
  ],
  [
    'a sale took nothing from the stock',
    (history) => void history.closing.set('tea', 96),
    'tea: 6 of 100 sold, yet 96 are left in the database',
  ],
  ['the database is gone', (history) => history.closing.clear(), 'tea: not in the database'],
  [
    'a process has an empty journal',
    (history) => void history.processes.set('c', []),
    'the journal of c is empty or missing',
  ],
  [
    'no process has a journal',
    (history) => history.processes.clear(),
    'there is no journal of any process',
  ],
  [
    'the customers have an empty journal',
    (history) => void history.customers.splice(0),
    'no order was placed: an empty account proves nothing',
  ],
  [
    'a journal is damaged in the middle',
    (history) => void history.damaged.push(3),
    'journal of customers: line 3 is damaged',
  ],
  [
    'a process confirmed what it had not taken',
    (history) => remove(journalOf(history, 'a'), 'o1', 'placed'),
    'o1 is confirmed at a, which never took it',
  ],
  [
    'an order came out of nowhere',
    (history) => remove(history.customers, 'o1', 'order', 'answer'),
    'o1 is confirmed at a, and nobody placed it',
  ],
  [
    'two orders have one id',
    (history) => void history.customers.push({ event: 'order', orderId: 'o1', lines: [] }),
    'two orders have the id o1',
  ],
]

describe('the account does not balance when', () => {
  it.each(badHistories)('%s', (_what, spoil, problem) => {
    const account = accountOf(spoil)
    expect(account.problems).toContain(problem)
    expect(describeAccount(account)).toMatch(/THE ACCOUNT DOES NOT BALANCE$/)
  })

  it('more was sold than there was, and it says how much more', () => {
    const account = accountOf((history) => void history.opening.set('tea', 5))
    expect(account.oversold).toBe(1)
  })

  it('the numbers do not add up', () => {
    const account = accountOf((history) => remove(history.customers, 'o1', 'order', 'answer'))
    expect(account).toMatchObject({ placed: 3, confirmed: 3, failed: 1, pending: [] })
    expect(account.problems).toContain('placed is not confirmed + pending + failed')
  })

  it('nothing happened at all', () => {
    const account = computeAccount(ledgersOf(honestHistory([])))
    expect(account.problems).not.toEqual([])
  })
})
