import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readOrders } from '../src/customers.ts'
import { readCatalogue } from '../src/modules/catalog.ts'

const data = fileURLToPath(new URL('../data/', import.meta.url))

it('is what its generator writes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bazaar-data-'))
  const flags = ['--conditions=nodosum-source', '--disable-warning=ExperimentalWarning']
  const { status, stderr } = spawnSync(
    process.execPath,
    [...flags, join(data, 'generate.ts'), directory],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  for (const name of ['catalogue.json', 'orders.jsonl']) {
    const isSame = readFileSync(join(directory, name)).equals(readFileSync(join(data, name)))
    expect({ name, isSame }).toEqual({ name, isSame: true })
  }
  rmSync(directory, { recursive: true })
})

it('has stock for most orders, and a few products that sell out early', () => {
  const left = new Map(readCatalogue().map(({ sku, stock }) => [sku, stock]))
  const orders = readOrders()
  let short = 0
  orders.forEach(({ lines }, index) => {
    const isShort = lines.some(({ sku, quantity }) => (left.get(sku) as number) < quantity)
    if (isShort) short += 1
    else for (const { sku, quantity } of lines) left.set(sku, (left.get(sku) as number) - quantity)
    // A run with --once places so many.
    if (index === 900) expect([...left.values()].filter((units) => units === 0)).not.toEqual([])
  })
  expect(short / orders.length).toBeGreaterThan(0.01)
  expect(short / orders.length).toBeLessThan(0.05)
  expect(new Set(orders.map(({ orderId }) => orderId)).size).toBe(orders.length)
})
