import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Journal, readJournal } from '../src/journal.ts'
import { unfinished } from '../src/modules/storefront.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bazaar-journal-'))
  file = join(directory, 'shop.jsonl')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function write(...entries: Record<string, unknown>[]): void {
  const journal = new Journal(file)
  for (const entry of entries) journal.write(entry)
  journal.close()
}

describe('a journal', () => {
  it('has each line in the file when write returns', () => {
    const journal = new Journal(file)
    journal.write({ event: 'placed', orderId: 'o1' })
    expect(readJournal(file).entries).toMatchObject([{ event: 'placed', orderId: 'o1' }])
    journal.close()
  })

  it('is continued by the next process of that name', () => {
    write({ n: 1 })
    write({ n: 2 })
    const { entries, torn, damaged } = readJournal(file)
    expect(entries.map(({ n }) => n)).toEqual([1, 2])
    expect({ torn, damaged }).toEqual({ torn: false, damaged: [] })
  })

  it('loses at most its last line wherever a kill cuts it, and goes on after it', () => {
    write({ n: 1 }, { n: 2 }, { n: 3, text: 'ä€' })
    const whole = readFileSync(file)
    const secondEnds = whole.indexOf(10, whole.indexOf(10) + 1) + 1
    for (let length = secondEnds; length <= whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length))
      const cut = readJournal(file)
      const isThirdWhole = length >= whole.length - 1
      expect(cut.entries.map(({ n }) => n)).toEqual(isThirdWhole ? [1, 2, 3] : [1, 2])
      expect(cut.torn).toBe(length !== secondEnds && length !== whole.length)
      expect(cut.damaged).toEqual([])

      write({ n: 4 })
      const continued = readJournal(file).entries.map(({ n }) => n)
      expect(continued).toEqual(isThirdWhole ? [1, 2, 3, 4] : [1, 2, 4])
    }
  })

  it('names a line that is damaged and not the last', () => {
    write({ n: 1 }, { n: 2 }, { n: 3 })
    const lines = readFileSync(file, 'utf8').split('\n')
    lines[1] = 'not json'
    writeFileSync(file, lines.join('\n'))
    expect(readJournal(file).damaged).toEqual([2])
  })

  it('that does not exist has no entries', () => {
    expect(readJournal(file)).toEqual({ entries: [], torn: false, damaged: [] })
  })
})

describe('what a storefront takes up again after a crash', () => {
  const order = (orderId: string): Record<string, unknown> => ({
    event: 'placed',
    orderId,
    customer: 'c',
    lines: [{ sku: 'tea', quantity: 1 }],
  })

  it('is what it placed and saw no end of', () => {
    write(order('o1'), order('o2'), order('o3'))
    write({ event: 'failed', orderId: 'o2' }, { event: 'confirmed', orderId: 'o1' })
    expect(unfinished(file)).toEqual([
      { orderId: 'o3', customer: 'c', lines: [{ sku: 'tea', quantity: 1 }] },
    ])
  })

  it('does not include an order of which half was written', () => {
    write(order('o1'), order('o2'))
    writeFileSync(file, readFileSync(file).subarray(0, -20))
    expect(unfinished(file).map(({ orderId }) => orderId)).toEqual(['o1'])
  })
})
