import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { plantedBugs } from '../../../packages/membership/test/planted-bugs.ts'
import { plantedBugs as ofMessaging } from '../../../packages/messaging/test/planted-bugs.ts'
import { plantedBugs as ofFacade } from '../../../packages/nodosum/test/planted-bugs.ts'
import { scenarios } from '../../src/simulate/scenarios/all.ts'
import { stackScenarios } from '../../src/simulate/stack/stack-scenarios.ts'

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
    const ofMembership = named.filter(
      (name) => !name.startsWith('stack-') && name !== 'undelivered',
    )
    expect([...new Set(ofMembership)].sort()).toEqual([...scenarios.keys()].sort())
    const ofStack = [...page.matchAll(/^\| `(stack-[a-z]+)`/gm)].map(([, name]) => name)
    expect(ofStack).toEqual([...stackScenarios.keys()])
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
    expect(page).toContain('in twenty-one ways')
    expect([...ofMessaging, ...ofFacade]).toHaveLength(21)
  })
})
