/**
 * The account of a run, from the files that its processes left and nothing else:
 * `node apps/bazaar/src/account.ts DIRECTORY [--json]`. Ends with 0 when it balances, else with 1.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type JournalContent, readJournal } from './journal.ts'
import { readCatalogue } from './modules/catalog.ts'
import type { OrderLine } from './modules/contracts.ts'
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
  /** Products of which nothing is left: where overselling would show. */
  readonly soldOut: number
  /** Orders of which somebody was told what no process's file bears out. */
  readonly lost: readonly string[]
  /** Everything that keeps the account from balancing, in words. */
  readonly problems: readonly string[]
}

/** What the customers' file says. */
interface Orders {
  readonly lines: ReadonlyMap<string, readonly OrderLine[]>
  /** What each customer was told. */
  readonly answers: ReadonlyMap<string, string>
  readonly inFlightAtKill: ReadonlySet<string>
}

export function computeAccount(ledgers: Ledgers): Account {
  const problems: string[] = []
  for (const [name, content] of [['customers', ledgers.customers], ...ledgers.processes] as const) {
    if (content.entries.length === 0) problems.push(`the journal of ${name} is empty or missing`)
    for (const line of content.damaged) problems.push(`journal of ${name}: line ${line} is damaged`)
  }
  if (ledgers.processes.size === 0) problems.push('there is no journal of any process')
  const orders = readOrders(ledgers.customers, problems)
  const placed = orders.lines.size
  if (placed === 0) problems.push('no order was placed: an empty account proves nothing')

  const outcomes = joinOutcomes(ledgers.processes, orders, problems)
  checkDecisions(ledgers.processes, outcomes, orders, problems)
  const { answers } = orders
  const lost = [...answers].filter(([id, told]) => outcomes.get(id) !== told).map(([id]) => id)
  for (const id of lost) {
    const found = outcomes.get(id) ?? 'nothing'
    problems.push(`${id}: its customer was told ${answers.get(id)}, the journals say ${found}`)
  }
  const pending = [...orders.lines.keys()].filter((id) => !outcomes.has(id))
  for (const id of pending) {
    if (!orders.inFlightAtKill.has(id)) {
      problems.push(`${id} is pending and was not in flight at a kill`)
    }
  }
  const confirmed = [...outcomes].filter(([, outcome]) => outcome === 'confirmed').map(([id]) => id)
  const failed = outcomes.size - confirmed.length
  if (placed !== confirmed.length + failed + pending.length) {
    problems.push('placed is not confirmed + pending + failed')
  }
  const sold = unitsOf(confirmed, orders)
  const oversold = checkStock(sold, unitsOf(pending, orders), ledgers, problems)
  const soldOut = [...ledgers.closingStock.values()].filter((left) => left === 0).length
  return { placed, confirmed: confirmed.length, failed, pending, oversold, soldOut, lost, problems }
}

function readOrders(customers: JournalContent, problems: string[]): Orders {
  const lines = new Map<string, readonly OrderLine[]>()
  const answers = new Map<string, string>()
  const inFlightAtKill = new Set<string>()
  for (const entry of customers.entries) {
    const orderId = String(entry.orderId)
    if (entry.event === 'order') {
      if (lines.has(orderId)) problems.push(`two orders have the id ${orderId}`)
      lines.set(orderId, entry.lines as readonly OrderLine[])
    } else if (entry.event === 'answer') answers.set(orderId, String(entry.outcome))
    else if (entry.event === 'kill') {
      for (const id of entry.inFlight as readonly string[]) inFlightAtKill.add(id)
    }
  }
  return { lines, answers, inFlightAtKill }
}

/** How each order ended, as the storefronts of all processes wrote it down. */
function joinOutcomes(
  processes: Ledgers['processes'],
  orders: Orders,
  problems: string[],
): Map<string, string> {
  const outcomes = new Map<string, string>()
  for (const [name, { entries }] of processes) {
    const placedHere = new Set<string>()
    for (const { event, orderId } of entries) {
      const id = String(orderId)
      if (event === 'placed') placedHere.add(id)
      if (event !== 'confirmed' && event !== 'failed') continue
      const known = outcomes.get(id)
      // The same outcome twice is an order that was taken up again after a crash.
      if (known !== undefined && known !== event) problems.push(`${id} is ${known} and ${event}`)
      if (!placedHere.has(id)) problems.push(`${id} is ${event} at ${name}, which never took it`)
      if (!orders.lines.has(id)) problems.push(`${id} is ${event} at ${name}, and nobody placed it`)
      outcomes.set(id, event)
    }
  }
  return outcomes
}

/** However often an order was asked for, one process decided it, and once. */
function checkDecisions(
  processes: Ledgers['processes'],
  outcomes: ReadonlyMap<string, string>,
  orders: Orders,
  problems: string[],
): void {
  const decidedAt = new Map<string, string>()
  for (const [name, { entries }] of processes) {
    for (const { event, orderId, outcome } of entries) {
      if (event !== 'decided') continue
      const id = String(orderId)
      const known = decidedAt.get(id)
      if (known !== undefined) problems.push(`${id} is decided twice: at ${known} and at ${name}`)
      const told = outcomes.get(id)
      if (told !== undefined && told !== outcome) {
        problems.push(`${id} is ${told} and was decided as ${outcome}`)
      }
      decidedAt.set(id, name)
    }
  }
  for (const [id, outcome] of outcomes) {
    // A process can be killed after it has decided and before it has written so.
    if (!decidedAt.has(id) && !orders.inFlightAtKill.has(id)) {
      problems.push(`${id} is ${outcome}, and no process decided it`)
    }
  }
}

function unitsOf(orderIds: readonly string[], orders: Orders): ReadonlyMap<string, number> {
  const units = new Map<string, number>()
  for (const id of orderIds) {
    for (const { sku, quantity } of orders.lines.get(id) ?? []) {
      units.set(sku, (units.get(sku) ?? 0) + quantity)
    }
  }
  return units
}

/** Counts stock from the orders themselves, and holds it against the database. */
function checkStock(
  sold: ReadonlyMap<string, number>,
  pending: ReadonlyMap<string, number>,
  ledgers: Ledgers,
  problems: string[],
): number {
  let oversold = 0
  for (const sku of new Set([...ledgers.openingStock.keys(), ...sold.keys()])) {
    const units = sold.get(sku) ?? 0
    const opening = ledgers.openingStock.get(sku) ?? 0
    const left = ledgers.closingStock.get(sku)
    if (units > opening) {
      oversold += units - opening
      problems.push(`${sku}: ${units} units sold of ${opening}`)
    }
    if (left === undefined) problems.push(`${sku}: not in the database`)
    else if (left > opening - units) {
      problems.push(`${sku}: ${units} of ${opening} sold, yet ${left} are left in the database`)
    } else if (left < opening - units - (pending.get(sku) ?? 0)) {
      // An order that is pending may hold what it reserved; nothing else takes from the stock.
      problems.push(`${sku}: ${units} of ${opening} sold, and only ${left} are left`)
    }
  }
  return oversold
}

export function readLedgers(directory: string): Ledgers {
  const folder = join(directory, 'journals')
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  const processes = new Map<string, JournalContent>()
  for (const file of names)
    processes.set(file.replace('.jsonl', ''), readJournal(join(folder, file)))
  return {
    customers: readJournal(join(directory, 'customers.jsonl')),
    processes,
    openingStock: new Map(readCatalogue().map(({ sku, stock }) => [sku, stock])),
    closingStock: readStock(join(directory, 'shop.db')),
  }
}

function readStock(file: string): ReadonlyMap<string, number> {
  if (!existsSync(file)) return new Map()
  const database = new ShopDatabase(file)
  const stock = database.stock()
  database.close()
  return stock
}

/** For a reader who takes a failed order for a defect. */
const failedMeans = 'failed: the bank declined, or the product was sold out; nothing was sold'

export function describeAccount(account: Account): string {
  const { placed, confirmed, failed, pending, oversold, soldOut, lost, problems } = account
  const lines = [
    `placed ${placed} = confirmed ${confirmed} + pending ${pending.length} + failed ${failed}`,
    ...(failed > 0 ? [failedMeans] : []),
    `lost ${lost.length}, oversold ${oversold} (${soldOut} products are sold out)`,
    ...pending.map((id) => `pending: ${id}`),
    ...problems.slice(0, 20).map((problem) => `problem: ${problem}`),
    ...(problems.length > 20 ? [`and ${problems.length - 20} more problems`] : []),
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
  const account = computeAccount(readLedgers(directory))
  const asJson = process.argv.includes('--json')
  process.stdout.write(`${asJson ? JSON.stringify(account) : describeAccount(account)}\n`)
  process.exitCode = account.problems.length === 0 ? 0 : 1
}
