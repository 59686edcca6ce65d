import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const directory = join(import.meta.dirname, '..')

/** The last cell of each row: where a test is, and its title. */
function namedTests(): { file: string; title: string }[] {
  const lines = readFileSync(join(directory, 'DUTIES.md'), 'utf8').split('\n')
  const rows = lines.filter((line) => /^\| (?!duty|---)/.test(line))
  return rows.map((row) => {
    const match = /\| \[[^\]]+\]\(([^)]+)\) > ([^|]+) \|$/.exec(row)
    if (match === null) throw new Error(`no test in: ${row}`)
    return { file: match[1] as string, title: match[2] as string }
  })
}

describe('the duties of the driver', () => {
  it('each name a test that exists', () => {
    const named = namedTests()
    expect(named.length).toBeGreaterThan(40)
    for (const { file, title } of named) {
      const source = readFileSync(join(directory, file), 'utf8')
      expect(source.includes(`'${title}'`), `${file} > ${title}`).toBe(true)
    }
  })
})
