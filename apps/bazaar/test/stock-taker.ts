/**
 * One process of several that fight over a database: `stock-taker.ts FILE NAME`. Opens the file at
 * once, starts at a word on its input, and prints what it believes to have got as JSON.
 */
import { ShopDatabase } from '../src/shop-database.ts'

const [file = '', name = ''] = process.argv.slice(2)
const database = new ShopDatabase(file)
database.open([
  { sku: 'tea', name: 'Tea', category: 'tea', priceCents: 100, stock: 101 },
  { sku: 'mug', name: 'Mug', category: 'ceramics', priceCents: 900, stock: 50 },
])
process.stdout.write('open\n')

process.stdin.once('data', () => {
  let units = 0
  for (let number = 0; number < 100; number++) {
    const orderId = `${name}-${number}`
    if (database.reserve(orderId, 'tea', 2) === 'reserved') units += 2
  }
  // These orders are the same in all processes: as when several believe to be in charge of them.
  const decided: string[] = []
  for (let number = 0; number < 40; number++) {
    const orderId = `shared-${number}`
    const answer = database.reserve(orderId, 'mug', 1)
    const outcome = answer === 'reserved' && number % 2 === 0 ? 'confirmed' : 'failed'
    if (database.decide(orderId, outcome, '').isFirst) decided.push(orderId)
  }
  process.stdout.write(`${JSON.stringify({ units, decided })}\n`)
  database.close()
  process.stdin.destroy()
})
