import { readFileSync } from 'node:fs'
import type { Implementation } from 'nodosum'
import { catalog, type Product } from './contracts.ts'

export const catalogueFile: URL = new URL('../../data/catalogue.json', import.meta.url)

export function readCatalogue(): readonly Product[] {
  return JSON.parse(readFileSync(catalogueFile, 'utf8')) as Product[]
}

/** Knows what things cost. Every process has the whole catalogue, so any of them can answer. */
export function catalogModule(): Implementation {
  const prices = new Map(readCatalogue().map(({ sku, priceCents }) => [sku, priceCents]))
  return catalog.implement({
    total: (lines) => {
      let totalCents = 0
      for (const { sku, quantity } of lines) {
        const price = prices.get(sku)
        if (price === undefined) throw catalog.total.error('UNKNOWN_PRODUCT', { sku })
        totalCents += price * quantity
      }
      return totalCents
    },
  })
}
