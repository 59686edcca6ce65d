/**
 * The account of a run, from the files that its processes left and nothing else:
 * `node apps/bazaar/src/account.ts DIRECTORY [--json]`. Ends with 0 when it balances, else with 1.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type JournalContent, type JournalEntry, readJournal } from './journal.ts'
import { readCatalogue } from './modules/catalog.ts'
import type { OrderLine } from './modules/shop-types.ts'
import { ShopDatabase } from './shop-database.ts'

/** What is joined: the customers' file, the processes' files, and what is left in stock. */
export interface Ledgers {
  readonly customers: JournalContent
  readonly processes: ReadonlyMap<string, JournalContent>
  readonly openingStock: ReadonlyMap<string, number>
  readonly closingStock: ReadonlyMap<string, number>
}

export interface Account {
  readonly placed: number
  readonly confirmed: number
  readonly failed: number
  /** Placed and without an outcome; each was in flight when a process was killed. */
  readonly pending: readonly string[]
  /** Units of confirmed orders beyond what there was. */
  readonly oversold: number
  /** Orders of which somebody was told what no process's file bears out. */
  readonly lost: readonly string[]
  /** Everything that keeps the account from balancing, in words. */
  readonly problems: readonly string[]
}

export function computeAccount(ledgers: Ledgers): Account {
  const problems: string[] = []
  const orders = new Map<string, readonly OrderLine[]>()
  const answers = new Map<string, string>()
  const inFlightAtKill = new Set<string>()
  for (const entry of ledgers.customers.entries) {
    const orderId = String(entry.orderId)
    if (entry.event === 'order') orders.set(orderId, entry.lines as readonly OrderLine[])
    else if (entry.event === 'answer') answers.set(orderId, String(entry.outcome))
    else if (entry.event === 'kill') {
      for (const id of entry.inFlight as readonly string[]) inFlightAtKill.add(id)
    }
  }
  const outcomes = joinOutcomes(ledgers.processes, orders, problems)
  for (const [name, content] of [['customers', ledgers.customers], ...ledgers.processes] as const) {
    if (content.entries.length === 0) problems.push(`the journal of ${name} is empty or missing`)
    for (const line of content.damaged) problems.push(`journal of ${name}: line ${line} is damaged`)
  }
  if (orders.size === 0) problems.push('no order was placed: an empty account proves nothing')

  const lost = [...answers].filter(([id, told]) => outcomes.get(id) !== told).map(([id]) => id)
  for (const id of lost) {
    const found = outcomes.get(id) ?? 'nothing'
    problems.push(`${id}: its customer was told ${answers.get(id)}, the journals say ${found}`)
  }
  const pending = [...orders.keys()].filter((id) => !outcomes.has(id))
  for (const id of pending) {
    if (!inFlightAtKill.has(id)) problems.push(`${id} is pending and was not in flight at a kill`)
  }
  const confirmed = [...outcomes].filter(([, outcome]) => outcome === 'confirmed')
  const oversold = checkStock(confirmed, orders, ledgers, problems)
  const failed = outcomes.size - confirmed.length
  const placed = orders.size
  if (placed !== confirmed.length + failed + pending.length) {
    problems.push('placed is not confirmed + pending + failed')
  }
  return { placed, confirmed: confirmed.length, failed, pending, oversold, lost, problems }
}

function joinOutcomes(
  processes: ReadonlyMap<string, JournalContent>,
  orders: ReadonlyMap<string, unknown>,
  problems: string[],
): Map<string, string> {
  const outcomes = new Map<string, string>()
  for (const [name, { entries }] of processes) {
    for (const { event, orderId } of entries) {
      if (event !== 'confirmed' && event !== 'failed') continue
      const id = String(orderId)
      const known = outcomes.get(id)
      // The same outcome twice is an order that was taken up again after a crash.
      if (known !== undefined && known !== event) problems.push(`${id} is ${known} and ${event}`)
      if (!orders.has(id)) problems.push(`${id} is ${event} at ${name}, and nobody placed it`)
      outcomes.set(id, event)
    }
  }
  return outcomes
}

/** Counts stock from the orders themselves, and holds it against the database. */
function checkStock(
  confirmed: readonly (readonly [string, string])[],
  orders: ReadonlyMap<string, readonly OrderLine[]>,
  ledgers: Ledgers,
  problems: string[],
): number {
  const sold = new Map<string, number>()
  for (const [id] of confirmed) {
    for (const { sku, quantity } of orders.get(id) ?? []) {
      sold.set(sku, (sold.get(sku) ?? 0) + quantity)
    }
  }
  let oversold = 0
  for (const [sku, units] of sold) {
    const opening = ledgers.openingStock.get(sku) ?? 0
    const left = ledgers.closingStock.get(sku) ?? 0
    if (units > opening) {
      oversold += units - opening
      problems.push(`${sku}: ${units} units sold of ${opening}`)
    } else if (left > opening - units) {
      problems.push(`${sku}: ${units} of ${opening} sold, yet ${left} are left in the database`)
    }
  }
  return oversold
}

export function readLedgers(directory: string): Ledgers {
  const folder = join(directory, 'journals')
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  const processes = new Map<string, JournalContent>()
  for (const file of names) processes.set(file.replace('.jsonl', ''), readJournal(join(folder, file)))
  const database = new ShopDatabase(join(directory, 'shop.db'))
  const closingStock = database.stock()
  database.close()
  return {
    customers: readJournal(join(directory, 'customers.jsonl')),
    processes,
    openingStock: new Map(readCatalogue().map(({ sku, stock }) => [sku, stock])),
    closingStock,
  }
}

export function describeAccount(account: Account): string {
  const { placed, confirmed, failed, pending, oversold, lost, problems } = account
  const lines = [
    `placed ${placed} = confirmed ${confirmed} + pending ${pending.length} + failed ${failed}`,
    `lost ${lost.length}, oversold ${oversold}`,
    ...pending.map((id) => `pending: ${id}`),
    ...problems.slice(0, 20).map((problem) => `problem: ${problem}`),
    problems.length === 0 ? 'the account balances' : 'THE ACCOUNT DOES NOT BALANCE',
  ]
  return lines.join('\n')
}

if (import.meta.main) {
  const [directory] = process.argv.slice(2)
  if (directory === undefined) {
    process.stderr.write('usage: account.ts DIRECTORY [--json]\n')
    process.exit(64)
  }
  const account: JournalEntry & Account = { ...computeAccount(readLedgers(directory)) }
  const asJson = process.argv.includes('--json')
  process.stdout.write(`${asJson ? JSON.stringify(account) : describeAccount(account)}\n`)
  process.exitCode = account.problems.length === 0 ? 0 : 1
}
