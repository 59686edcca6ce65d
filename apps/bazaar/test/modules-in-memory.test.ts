import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Implementation } from 'nodosum'
import { createTestCluster } from 'nodosum/testing'
import { expect, it, onTestFinished } from 'vitest'
import { readOrders } from '../src/customers.ts'
import { Journal, readJournal } from '../src/journal.ts'
import { catalogModule, readCatalogue } from '../src/modules/catalog.ts'
import { type OrderResult, storefront } from '../src/modules/contracts.ts'
import { inventoryModule } from '../src/modules/inventory.ts'
import { notificationsModule } from '../src/modules/notifications.ts'
import { ordersModule } from '../src/modules/orders.ts'
import { paymentsModule } from '../src/modules/payments.ts'
import { storefrontModule } from '../src/modules/storefront.ts'
import { ShopDatabase } from '../src/shop-database.ts'

const ordered = 40
const patience = { timeoutMs: 20_000 }

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
  const modules = (): Implementation[] => [
    catalogModule(),
    inventoryModule(database),
    paymentsModule(),
    notificationsModule(journal),
    ordersModule(database, journal),
    storefrontModule(journal),
  ]
  const nodes = ['customers', 'shop-1', 'shop-2', 'shop-3']
  await using cluster = await createTestCluster({
    nodes,
    // The customers' node runs no module.
    options: (nodeId) => (nodeId === 'customers' ? {} : { applications: modules() }),
  })
  const orders = readOrders().slice(0, ordered)
  const place = (order: (typeof orders)[number]): Promise<OrderResult> =>
    cluster.node('customers').request(storefront.place, order, patience)
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
