/**
 * Writes the catalogue and the orders of the example, here or into the directory it is given:
 * `node -C nodosum-source apps/bazaar/data/generate.ts`.
 * The same seed gives the same files, so the data in the repository can be made again.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@nodosum/kernel'

const random = seededRandom('bazaar')

const categories = [
  {
    name: 'tea',
    from: 390,
    to: 2_900,
    nouns: [
      'Assam',
      'Darjeeling',
      'Sencha',
      'Oolong',
      'Rooibos',
      'Lapsang',
      'Earl Grey',
      'Genmaicha',
    ],
    forms: ['100 g', '250 g', '20 bags', 'tin'],
  },
  {
    name: 'coffee',
    from: 690,
    to: 3_400,
    nouns: ['Yirgacheffe', 'Sidamo', 'Huila', 'Antigua', 'Mandheling', 'Santos', 'Kirinyaga'],
    forms: ['250 g beans', '1 kg beans', '250 g ground'],
  },
  {
    name: 'spices',
    from: 190,
    to: 1_500,
    nouns: ['Cumin', 'Turmeric', 'Sumac', 'Cardamom', 'Saffron', 'Paprika', 'Nutmeg', 'Za’atar'],
    forms: ['40 g', '100 g', 'jar', 'refill'],
  },
  {
    name: 'sweets',
    from: 250,
    to: 2_200,
    nouns: ['Baklava', 'Halva', 'Nougat', 'Marzipan', 'Lokum', 'Fudge', 'Pralines'],
    forms: ['box of 6', 'box of 12', '200 g'],
  },
  {
    name: 'ceramics',
    from: 900,
    to: 8_900,
    nouns: ['Bowl', 'Teapot', 'Mug', 'Plate', 'Jug', 'Vase'],
    forms: ['small', 'medium', 'large'],
  },
  {
    name: 'textiles',
    from: 1_200,
    to: 19_900,
    nouns: ['Kilim', 'Scarf', 'Tablecloth', 'Cushion', 'Towel', 'Throw'],
    forms: ['60x60', '80x120', '140x200'],
  },
  {
    name: 'lamps',
    from: 1_900,
    to: 24_900,
    nouns: ['Lantern', 'Table lamp', 'Pendant', 'Candle holder'],
    forms: ['brass', 'glass', 'clay'],
  },
] as const
const qualities = [
  'Classic',
  'Royal',
  'Wild',
  'Harbour',
  'Village',
  'Old Town',
  'Golden',
  'Evening',
  'Mountain',
  'Garden',
  'Organic',
  'Hand-made',
  'Summer',
  'Winter',
  'Caravan',
  'Blue',
  'Red',
  'Amber',
]

const productCount = 3_000
const orderCount = 4_000

/** Of what share of order lines the products up to this one are: the first are wanted most. */
const wanted = (index: number): number => Math.sqrt(index / productCount)

/**
 * Enough for the orders file about thirty times over, so that most orders go through; but one
 * product in fifty is rare and sells out, so that some orders fail and overselling is tempting.
 */
function openingStock(index: number): number {
  if (random.float() < 1 / 50) return random.integer(1, 4)
  const unitsOfOneRound = orderCount * 5 * (wanted(index + 1) - wanted(index))
  return Math.ceil(30 * unitsOfOneRound) + random.integer(50, 150)
}

const products: object[] = []
const skus: string[] = []
const seen = new Set<string>()
while (products.length < productCount) {
  const category = random.pick(categories)
  if (category === undefined) break
  const form = random.pick<string>(category.forms)
  const name = `${random.pick(qualities)} ${random.pick<string>(category.nouns)}, ${form}`
  if (seen.has(name) && random.float() < 0.9) continue
  seen.add(name)
  const sku = `${category.name.slice(0, 3)}-${String(products.length + 1).padStart(4, '0')}`
  const span = category.to - category.from
  const priceCents = Math.round((category.from + span * random.float() ** 2) / 10) * 10 - 1
  const stock = openingStock(products.length)
  products.push({ sku, name, category: category.name, priceCents, stock })
  skus.push(sku)
}

const lines: string[] = []
for (let number = 1; number <= orderCount; number++) {
  const chosen = new Map<string, number>()
  const count = random.integer(1, 4)
  for (let line = 0; line < count; line++) {
    // The inverse of `wanted`.
    const index = Math.floor(productCount * random.float() ** 2)
    chosen.set(skus[index] as string, random.integer(1, 3))
  }
  const orderId = `order-${String(number).padStart(5, '0')}`
  const order = [...chosen].map(([sku, quantity]) => ({ sku, quantity }))
  lines.push(
    JSON.stringify({ orderId, customer: `customer-${random.integer(1, 900)}`, lines: order }),
  )
}

const directory = process.argv[2] ?? fileURLToPath(new URL('.', import.meta.url))
const text = products.map((product) => JSON.stringify(product)).join(',\n')
writeFileSync(join(directory, 'catalogue.json'), `[\n${text}\n]\n`)
writeFileSync(join(directory, 'orders.jsonl'), `${lines.join('\n')}\n`)
process.stdout.write(`${products.length} products, ${lines.length} orders\n`)
