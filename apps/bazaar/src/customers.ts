import { readFileSync } from 'node:fs'
import type { Node } from 'nodosum'
import { type Journal, readJournal } from './journal.ts'
import { type Order, type OrderResult, storefront } from './modules/contracts.ts'

const ordersFile = new URL('../data/orders.jsonl', import.meta.url)

export function readOrders(): readonly Order[] {
  const lines = readFileSync(ordersFile, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Order)
}

/** A customer tries this long before it gives up; a shop with a dead process has to fit in. */
const patienceMs = 30_000

/** How often one customer orders: this, and the rate, give how many there are. */
const secondsPerOrder = 0.4

/** The rate shown is that of the last few seconds. */
const rateWindowMs = 3_000

/**
 * Customers at the shop's door: each places one order after the other with whichever process
 * answers. What they order and what they are told is journalled apart from the shop's files.
 */
export class Customers {
  placed = 0
  confirmed = 0
  failed = 0
  unanswered = 0
  readonly #node: Node
  readonly #journal: Journal
  readonly #orders: readonly Order[]
  readonly #inFlight = new Set<string>()
  readonly #running: Promise<void>[] = []
  readonly #pauseMs: number
  /** How many orders earlier runs in the same directory placed: their ids are taken. */
  readonly #placedEarlier: number
  #answersMs: number[] = []
  #stopped = false

  constructor(options: { node: Node; journal: Journal; ordersPerSecond: number }) {
    this.#node = options.node
    this.#journal = options.journal
    this.#orders = readOrders()
    const count = Math.ceil(options.ordersPerSecond * secondsPerOrder)
    this.#pauseMs = (1_000 * count) / options.ordersPerSecond
    const earlier = readEarlierRuns(options.journal.file)
    this.#placedEarlier = earlier.placed
    // If an earlier run was cut short, it was its customers that were killed.
    if (earlier.open.length > 0) {
      this.#journal.write({ event: 'kill', name: 'customers', inFlight: earlier.open })
    }
    for (let index = 0; index < count; index++) this.#running.push(this.#shop())
  }

  /** Notes who has no answer yet at the moment in which a process is killed. */
  noteKill(name: string): void {
    this.#journal.write({ event: 'kill', name, inFlight: [...this.#inFlight] })
  }

  /** No new orders; resolves when every customer has an answer or has given up. */
  async finish(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Answers a second, lately. */
  rate(): number {
    const sinceMs = performance.now() - rateWindowMs
    this.#answersMs = this.#answersMs.filter((atMs) => atMs > sinceMs)
    return Math.round((this.#answersMs.length * 1_000) / rateWindowMs)
  }

  async #shop(): Promise<void> {
    for (let dueMs = performance.now(); !this.#stopped; ) {
      const order = this.#next()
      this.#journal.write({ event: 'order', ...order })
      this.#inFlight.add(order.orderId)
      try {
        const { outcome } = await this.#place(order)
        this.#journal.write({ event: 'answer', orderId: order.orderId, outcome })
        this[outcome] += 1
        this.#answersMs.push(performance.now())
      } catch (error) {
        this.#journal.write({ event: 'gave up', orderId: order.orderId, reason: String(error) })
        this.unanswered += 1
      }
      this.#inFlight.delete(order.orderId)
      // The rate is that of the orders, however long they take; what is late is not made up for.
      dueMs += this.#pauseMs * (0.5 + Math.random())
      if (dueMs < performance.now()) dueMs = performance.now()
      else await pause(dueMs - performance.now())
    }
  }

  /** Asks again after an error: an order has an id, so placing it twice does no harm. */
  async #place(order: Order): Promise<OrderResult> {
    const untilMs = performance.now() + patienceMs
    for (;;) {
      const timeoutMs = Math.max(1, Math.ceil(untilMs - performance.now()))
      try {
        return await this.#node.request(storefront.place, order, { timeoutMs })
      } catch (error) {
        if (performance.now() > untilMs - 1_000) throw error
        this.#journal.write({ event: 'asks again', orderId: order.orderId, reason: String(error) })
        await pause(500)
      }
    }
  }

  /** The orders of the data file, again and again under new ids. */
  #next(): Order {
    const index = this.#placedEarlier + this.placed++
    const order = this.#orders[index % this.#orders.length] as Order
    const round = Math.floor(index / this.#orders.length)
    return round === 0 ? order : { ...order, orderId: `${order.orderId}-${round + 1}` }
  }
}

function readEarlierRuns(file: string): { placed: number; open: readonly string[] } {
  const open = new Set<string>()
  let placed = 0
  for (const { event, orderId } of readJournal(file).entries) {
    if (event === 'order') {
      placed += 1
      open.add(String(orderId))
    } else if (event === 'answer') open.delete(String(orderId))
  }
  return { placed, open: [...open] }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
