/** One process of the shop: every module, on one node. Started by `main.ts`. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { closeOnSignals, createNode } from 'nodosum'
import { Journal } from './journal.ts'
import { readCatalogue, runCatalog } from './modules/catalog.ts'
import { runInventory } from './modules/inventory.ts'
import { runNotifications } from './modules/notifications.ts'
import { runOrders } from './modules/orders.ts'
import { runPayments } from './modules/payments.ts'
import { runStorefront } from './modules/storefront.ts'
import { ShopDatabase } from './shop-database.ts'

const [name, directory] = process.argv.slice(2)
if (name === undefined || directory === undefined) {
  process.stderr.write('usage: process.ts NAME DIRECTORY\n')
  process.exit(64)
}
// The supervisor is gone, by Ctrl-C or worse: so is the shop.
process.on('disconnect', () => process.exit(1))

mkdirSync(join(directory, 'journals'), { recursive: true })
const database = new ShopDatabase(join(directory, 'shop.db'))
database.open(readCatalogue())
const journal = new Journal(join(directory, 'journals', `${name}.jsonl`))

const node = await createNode({
  cluster: 'bazaar',
  nodeId: name,
  profile: 'development',
  developmentDirectory: join(directory, 'development'),
})
closeOnSignals(node, { deadlineMs: 5_000 })

runCatalog(node)
runInventory(node, database)
runPayments(node)
runNotifications(node, journal)
runOrders(node, database)
runStorefront(node, journal)

process.send?.({ ready: true })
const { error } = await node.closed
if (error !== null) process.stderr.write(`${name}: ${error.message}\n`)
process.disconnect?.()
database.close()
journal.close()
