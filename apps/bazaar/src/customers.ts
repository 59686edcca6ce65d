import { readFileSync } from 'node:fs'
import { anyNode, type Node } from 'nodosum'
import type { Journal } from './journal.ts'
import type { Order, OrderResult } from './modules/shop-types.ts'

const ordersFile = new URL('../data/orders.jsonl', import.meta.url)

export function readOrders(): readonly Order[] {
  const lines = readFileSync(ordersFile, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Order)
}

/** A customer tries this long before it gives up; a shop with a dead process has to fit in. */
const patience = { idempotent: true, timeoutMs: 30_000 } as const

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
  #stopped = false

  constructor(options: { node: Node; journal: Journal; ordersPerSecond: number; count: number }) {
    this.#node = options.node
    this.#journal = options.journal
    this.#orders = readOrders()
    this.#pauseMs = (1_000 * options.count) / options.ordersPerSecond
    for (let index = 0; index < options.count; index++) this.#running.push(this.#shop())
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

  async #shop(): Promise<void> {
    const storefront = this.#node.application('storefront')
    while (!this.#stopped) {
      const order = this.#next()
      this.#journal.write({ event: 'order', ...order })
      this.#inFlight.add(order.orderId)
      try {
        const result = (await storefront.request(anyNode(), order, patience)) as OrderResult
        this.#journal.write({ event: 'answer', orderId: order.orderId, outcome: result.outcome })
        this[result.outcome] += 1
      } catch (error) {
        this.#journal.write({ event: 'gave up', orderId: order.orderId, reason: String(error) })
        this.unanswered += 1
      }
      this.#inFlight.delete(order.orderId)
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs * (0.5 + Math.random())))
    }
  }

  /** The orders of the data file, again and again under new ids. */
  #next(): Order {
    const index = this.placed++
    const order = this.#orders[index % this.#orders.length] as Order
    const round = Math.floor(index / this.#orders.length)
    return round === 0 ? order : { ...order, orderId: `${order.orderId}-${round + 1}` }
  }
}
