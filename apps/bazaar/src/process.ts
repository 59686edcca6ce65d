/** One process of the shop: every module, on one node. Started by `main.ts`. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { closeOnSignals, createNode } from 'nodosum'
import { FileLogger } from './file-logger.ts'
import { Journal } from './journal.ts'
import { catalogModule, readCatalogue } from './modules/catalog.ts'
import { inventoryModule } from './modules/inventory.ts'
import { notificationsModule } from './modules/notifications.ts'
import { ordersModule } from './modules/orders.ts'
import { paymentsModule } from './modules/payments.ts'
import { resumeOrders, storefrontModule } from './modules/storefront.ts'
import { ShopDatabase } from './shop-database.ts'

const [name, directory] = process.argv.slice(2)
if (name === undefined || directory === undefined) {
  process.stderr.write('usage: process.ts NAME DIRECTORY\n')
  process.exit(64)
}
// The supervisor is gone, even if by SIGKILL: so is the shop. It may have gone during the imports.
process.on('disconnect', () => process.exit(1))
if (process.connected === false) process.exit(1)

for (const folder of ['journals', 'logs']) mkdirSync(join(directory, folder), { recursive: true })
const database = new ShopDatabase(join(directory, 'shop.db'))
database.open(readCatalogue())
const journal = new Journal(join(directory, 'journals', `${name}.jsonl`))
// So that an empty journal is never an honest one.
journal.write({ event: 'started', pid: process.pid })

const node = await createNode({
  cluster: 'bazaar',
  nodeId: name,
  profile: 'development',
  developmentDirectory: join(directory, 'development'),
  logger: new FileLogger(join(directory, 'logs', `${name}.log`)),
  applications: [
    catalogModule(),
    inventoryModule(database),
    paymentsModule(),
    notificationsModule(journal),
    ordersModule(database, journal),
    storefrontModule(journal),
  ],
})
closeOnSignals(node, { deadlineMs: 5_000 })
resumeOrders(node, journal)

process.send?.({ ready: true })
const { error } = await node.closed
if (error !== null) process.stderr.write(`${name}: ${error.stack ?? error.message}\n`)
// Journal and database hold every line and transaction already; there is nothing to flush.
process.exit(error === null ? 0 : 1)
