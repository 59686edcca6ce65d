import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { plantedBugs } from '../../../packages/membership/test/planted-bugs.ts'
import { scenarios } from '../../src/simulate/scenarios/all.ts'

const docs = join(import.meta.dirname, '../../../docs')
const page = readFileSync(join(docs, 'scenarios.md'), 'utf8')
/** The last column of the table, and what follows it. */
const ours = page
  .split('\n')
  .map((line) => (line.startsWith('| ') ? (line.split(' | ').at(-1) ?? '') : line))
  .join('\n')
  .replaceAll(/```[^`]*```/g, '')

describe('the page of scenarios', () => {
  it('has every scenario that there is, and none that there is not', () => {
    const named = [...ours.matchAll(/`([a-z0-9-]+)`/g)].map(([, name = '']) => name)
    expect([...new Set(named)].sort()).toEqual([...scenarios.keys()].sort())
  })

  it('names tests that there are, in the files that it links', () => {
    const links = [...ours.matchAll(/\[([^\]]+)\]\(([^)]+\.test\.ts)\)/g)]
    expect(links.length).toBeGreaterThan(20)
    for (const [, title = '', file = ''] of links) {
      expect(readFileSync(join(docs, file), 'utf8'), file).toContain(title)
    }
  })

  it('says how many bugs are planted', () => {
    expect(page).toContain('in twenty ways')
    expect(plantedBugs).toHaveLength(20)
  })
})
