import { readFileSync } from 'node:fs'
import type { Node } from 'nodosum'
import type { OrderLine, Product } from './shop-types.ts'

export const catalogueFile: URL = new URL('../../data/catalogue.json', import.meta.url)

export function readCatalogue(): readonly Product[] {
  return JSON.parse(readFileSync(catalogueFile, 'utf8')) as Product[]
}

/** Knows what things cost. Every process has the whole catalogue, so any of them can answer. */
export function runCatalog(node: Node): void {
  const prices = new Map(readCatalogue().map(({ sku, priceCents }) => [sku, priceCents]))
  node.application('catalog').onRequest((payload) => {
    let totalCents = 0
    for (const { sku, quantity } of payload as readonly OrderLine[]) {
      const price = prices.get(sku)
      if (price === undefined) throw new Error(`there is no product ${sku}`)
      totalCents += price * quantity
    }
    return totalCents
  })
}
