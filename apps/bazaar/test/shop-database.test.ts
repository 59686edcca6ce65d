import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Product } from '../src/modules/contracts.ts'
import { ShopDatabase } from '../src/shop-database.ts'

const tea: Product = { sku: 'tea', name: 'Tea', category: 'tea', priceCents: 100, stock: 5 }
const stockTaker = fileURLToPath(new URL('./stock-taker.ts', import.meta.url))

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bazaar-database-'))
  file = join(directory, 'shop.db')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the shop database', () => {
  let database: ShopDatabase
  beforeEach(() => {
    database = new ShopDatabase(file)
    database.open([tea])
  })
  afterEach(() => database.close())

  it('takes from the stock once for an order, however often it is asked', () => {
    expect(database.reserve('o1', 'tea', 2)).toBe('reserved')
    expect(database.reserve('o1', 'tea', 2)).toBe('reserved')
    expect(database.stock().get('tea')).toBe(3)
  })

  it('takes all that is wanted or nothing', () => {
    expect(database.reserve('o1', 'tea', 3)).toBe('reserved')
    expect(database.reserve('o2', 'tea', 3)).toBe('out of stock')
    expect(database.reserve('o3', 'tea', 2)).toBe('reserved')
    expect(database.reserve('o4', 'tea', 1)).toBe('out of stock')
    expect(database.reserve('o5', 'no such thing', 1)).toBe('out of stock')
    expect(database.stock().get('tea')).toBe(0)
  })

  it('gives back what a failed order held, once', () => {
    database.reserve('o1', 'tea', 4)
    expect(database.decide('o1', 'failed', 'declined').isFirst).toBe(true)
    expect(database.stock().get('tea')).toBe(5)
    expect(database.decide('o1', 'failed', 'declined').isFirst).toBe(false)
    expect(database.reserve('o1', 'tea', 4)).toBe('out of stock')
    expect(database.stock().get('tea')).toBe(5)
  })

  it('gives an order that has failed nothing more, so that it cannot hold stock for ever', () => {
    database.decide('o1', 'failed', 'declined')
    expect(database.reserve('o1', 'tea', 1)).toBe('out of stock')
    expect(database.stock().get('tea')).toBe(5)
  })

  it('lets the first decision stand', () => {
    database.reserve('o1', 'tea', 1)
    const result = { orderId: 'o1', outcome: 'confirmed', reason: '' }
    expect(database.decide('o1', 'confirmed', '')).toEqual({ result, isFirst: true })
    expect(database.decide('o1', 'failed', 'too late')).toEqual({ result, isFirst: false })
    expect(database.decision('o1')).toEqual(result)
    expect(database.stock().get('tea')).toBe(4)
  })

  it('keeps its stock when it is opened again', () => {
    database.reserve('o1', 'tea', 2)
    const again = new ShopDatabase(file)
    again.open([tea])
    expect(again.stock().get('tea')).toBe(3)
    again.close()
  })
})

describe('several processes that all believe to own a product', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  function linesOf(name: string): { child: ChildProcess; next(): Promise<string> } {
    const flags = ['--conditions=nodosum-source', '--disable-warning=ExperimentalWarning']
    const child = spawn(process.execPath, [...flags, stockTaker, file, name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(child)
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    const iterator = lines[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      const { value, done } = await iterator.next()
      if (done) throw new Error(`${name} ended early with ${child.exitCode}`)
      return value as string
    }
    return { child, next }
  }

  it('sell no more than there is, and decide each order once', async () => {
    const takers = ['a', 'b', 'c', 'd'].map(linesOf)
    // All open the same new file at the same time, as the shop does at its first start.
    for (const { next } of takers) expect(await next()).toBe('open')
    for (const { child } of takers) child.stdin?.write('go\n')
    const results = await Promise.all(takers.map(async ({ next }) => JSON.parse(await next())))

    const units = results.reduce((sum, result) => sum + result.units, 0)
    const database = new ShopDatabase(file)
    const stock = database.stock()
    // 400 wishes for 2 of 101: 50 are granted, and the odd one stays.
    expect({ units, left: stock.get('tea') }).toEqual({ units: 100, left: 1 })
    const decided = results.flatMap((result) => result.decided)
    expect(new Set(decided).size).toBe(40)
    expect(decided).toHaveLength(40)
    const confirmed = decided.filter((id) => database.decision(id)?.outcome === 'confirmed')
    expect(confirmed).toHaveLength(20)
    expect(stock.get('mug')).toBe(30)
    database.close()
  })
})
