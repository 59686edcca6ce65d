import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { anyNode, type Node } from 'nodosum'
import { createTestCluster } from 'nodosum/testing'
import { expect, it, onTestFinished } from 'vitest'
import { readOrders } from '../src/customers.ts'
import { Journal, readJournal } from '../src/journal.ts'
import { readCatalogue, runCatalog } from '../src/modules/catalog.ts'
import { runInventory } from '../src/modules/inventory.ts'
import { runNotifications } from '../src/modules/notifications.ts'
import { runOrders } from '../src/modules/orders.ts'
import { runPayments } from '../src/modules/payments.ts'
import type { OrderResult } from '../src/modules/shop-types.ts'
import { runStorefront } from '../src/modules/storefront.ts'
import { ShopDatabase } from '../src/shop-database.ts'

const ordered = 40
const patience = { idempotent: true, timeoutMs: 20_000 } as const

it('every order is decided once, although a node of the shop dies in the middle', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bazaar-modules-'))
  const database = new ShopDatabase(join(directory, 'shop.db'))
  database.open(readCatalogue())
  const journal = new Journal(join(directory, 'journal.jsonl'))
  onTestFinished(() => {
    journal.close()
    database.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const applications = (node: Node): void => {
    // The customers' node runs no module.
    if (node.id === 'customers') return
    runCatalog(node)
    runInventory(node, database)
    runPayments(node)
    runNotifications(node, journal)
    runOrders(node, database, journal)
    runStorefront(node, journal)
  }
  const nodes = ['customers', 'shop-1', 'shop-2', 'shop-3']
  await using cluster = await createTestCluster({ nodes, applications })
  const storefront = cluster.node('customers').application('storefront')
  const orders = readOrders().slice(0, ordered)
  const place = (order: (typeof orders)[number]): Promise<OrderResult> =>
    storefront.request(anyNode(), order, patience) as Promise<OrderResult>
  const results = orders.map(place)
  const isUnderWay = (): boolean =>
    cluster.deliveries.filter(({ application }) => application === 'orders').length >= ordered / 2
  await cluster.until('half of the orders are under way', isUnderWay)
  await cluster.kill('shop-2')
  const told = await Promise.all(results)
  await cluster.converge()

  expect(told.map(({ orderId }) => orderId)).toEqual(orders.map(({ orderId }) => orderId))
  const decided = readJournal(journal.file).entries.filter(({ event }) => event === 'decided')
  const once = new Set(decided.map(({ orderId }) => orderId))
  expect(decided).toHaveLength(ordered)
  expect(once.size).toBe(ordered)
  for (const { orderId, outcome } of told) {
    expect(decided.find((entry) => entry.orderId === orderId)?.outcome).toBe(outcome)
  }
}, 60_000)
