import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { OrderResult, Product } from './modules/contracts.ts'

/** What became of a wish to reserve. */
export type ReserveAnswer = 'reserved' | 'out of stock'

/** How an order ended, and whether this very call decided it. */
export interface Decision {
  readonly result: OrderResult
  readonly isFirst: boolean
}

/** How long a transaction waits for that of another process. */
const busyTimeoutMs = 5_000

/**
 * The database that the processes of the shop share, as those of any modular monolith do. It is
 * the judge: stock never goes below zero and an order ends one way only, whoever believes to own
 * what. SQLite stands in for the one you have.
 */
export class ShopDatabase {
  readonly #database: DatabaseSync
  readonly #statements: Readonly<Record<keyof typeof sql, StatementSync>>

  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    this.#database.exec(tables)
    const prepared = Object.entries(sql).map(([name, text]) => [name, this.#database.prepare(text)])
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof sql, StatementSync>
  }

  /** Fills an empty database; once is enough for all processes. */
  open(products: readonly Product[]): void {
    this.#transaction(() => {
      for (const { sku, stock } of products) this.#statements.stock.run(sku, stock)
    })
  }

  /** Takes from the stock, once for each order and SKU however often it is asked. */
  reserve(orderId: string, sku: string, quantity: number): ReserveAnswer {
    return this.#transaction(() => {
      const { reservation, decision, take, reserve } = this.#statements
      if (reservation.get(orderId, sku) !== undefined) return 'reserved'
      // A late repetition of an order that has failed must not hold stock for ever.
      if (decision.get(orderId) !== undefined) return 'out of stock'
      if (take.run(quantity, sku, quantity).changes === 0) return 'out of stock'
      reserve.run(orderId, sku, quantity)
      return 'reserved'
    })
  }

  decision(orderId: string): OrderResult | null {
    const row = this.#statements.decision.get(orderId)
    return row === undefined ? null : ({ orderId, ...row } as unknown as OrderResult)
  }

  /** Decides how an order ends; the first decision stands and is what everybody gets. */
  decide(orderId: string, outcome: OrderResult['outcome'], reason: string): Decision {
    return this.#transaction(() => {
      const known = this.decision(orderId)
      if (known !== null) return { result: known, isFirst: false }
      this.#statements.decide.run(orderId, outcome, reason)
      if (outcome === 'failed') {
        this.#statements.giveBack.run(orderId, orderId)
        this.#statements.release.run(orderId)
      }
      return { result: { orderId, outcome, reason }, isFirst: true }
    })
  }

  /** What is left of each SKU. */
  stock(): ReadonlyMap<string, number> {
    const rows = this.#statements.left.all() as { sku: string; left: number }[]
    return new Map(rows.map(({ sku, left }) => [sku, left]))
  }

  close(): void {
    this.#database.close()
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

const tables = `
  CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, left INTEGER NOT NULL CHECK (left >= 0));
  CREATE TABLE IF NOT EXISTS reservations (
    order_id TEXT, sku TEXT, quantity INTEGER NOT NULL, PRIMARY KEY (order_id, sku));
  CREATE TABLE IF NOT EXISTS decisions (
    order_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, reason TEXT NOT NULL);
`

const sql = {
  stock: 'INSERT OR IGNORE INTO stock (sku, left) VALUES (?, ?)',
  reservation: 'SELECT 1 FROM reservations WHERE order_id = ? AND sku = ?',
  take: 'UPDATE stock SET left = left - ? WHERE sku = ? AND left >= ?',
  reserve: 'INSERT INTO reservations (order_id, sku, quantity) VALUES (?, ?, ?)',
  decision: 'SELECT outcome, reason FROM decisions WHERE order_id = ?',
  decide: 'INSERT INTO decisions (order_id, outcome, reason) VALUES (?, ?, ?)',
  giveBack: `UPDATE stock SET left = left + (
      SELECT quantity FROM reservations r WHERE r.order_id = ? AND r.sku = stock.sku)
    WHERE sku IN (SELECT sku FROM reservations WHERE order_id = ?)`,
  release: 'DELETE FROM reservations WHERE order_id = ?',
  left: 'SELECT sku, left FROM stock',
} as const
