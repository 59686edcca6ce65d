import { describe, expect, it } from 'vitest'
import { changesets } from '../../src/rules/changesets.ts'
import { errorCodes } from '../../src/rules/error-codes.ts'
import { fileShape } from '../../src/rules/file-shape.ts'
import { licences } from '../../src/rules/licences.ts'
import { markdownLinks } from '../../src/rules/markdown-links.ts'
import { testHygiene } from '../../src/rules/test-hygiene.ts'
import { problemsOf } from '../planted-tree.ts'

describe('shape of files', () => {
  it('refuses more than 400 lines', () => {
    const lines = (count: number): string => '// a line\n'.repeat(count)
    expect(problemsOf(fileShape, { 'packages/a/src/b.ts': lines(400) })).toEqual([])
    expect(problemsOf(fileShape, { 'packages/a/src/b.ts': lines(401) })).toHaveLength(1)
  })

  it('refuses names that say nothing', () => {
    for (const name of ['utils.ts', 'core/helpers.ts', 'string-util.ts', 'common/a.ts']) {
      expect(problemsOf(fileShape, { [`packages/a/src/${name}`]: '' })).toHaveLength(1)
    }
    expect(problemsOf(fileShape, { 'packages/a/src/utilisation.ts': '' })).toEqual([])
  })

  it('refuses default exports and "export *" in packages', () => {
    const file = 'packages/a/src/b.ts'
    expect(problemsOf(fileShape, { [file]: 'export default 1\n' })).toHaveLength(1)
    expect(problemsOf(fileShape, { [file]: 'export default function a() {}\n' })).toHaveLength(1)
    expect(problemsOf(fileShape, { [file]: "export * from './c.ts'\n" })).toHaveLength(1)
    expect(problemsOf(fileShape, { [file]: "export { c } from './c.ts'\n" })).toEqual([])
  })
})

describe('no skipped tests', () => {
  it.each(['it.skip', 'test.only', 'describe.todo', 'it.skipIf(true)', 'it.fails'])(
    'finds %s',
    (call) => {
      const text = `${call}('a', () => { expect(1).toBe(1) })\n`
      expect(problemsOf(testHygiene, { 'packages/a/test/a.test.ts': text })).toHaveLength(1)
    },
  )

  it('refuses a file of tests that expects nothing', () => {
    const text = "it('works', () => { run() })\n"
    expect(problemsOf(testHygiene, { 'packages/a/test/a.test.ts': text })).toHaveLength(1)
  })

  it('lets parameterised tests pass', () => {
    const text = "it.each([1])('a %i', (n) => { expect(n).toBe(1) })\n"
    expect(problemsOf(testHygiene, { 'packages/a/test/a.test.ts': text })).toEqual([])
  })
})

describe('error codes, both ways', () => {
  const catalog = (codes: string): Record<string, string> => ({
    'packages/kernel/src/core/error-catalog.ts': codes,
  })
  const thrown = { 'packages/a/src/b.ts': "throw new NodosumError('ERR_NODOSUM_FIRST', '')\n" }

  it('is content when what is thrown is what is catalogued', () => {
    expect(
      problemsOf(errorCodes, { ...catalog('  ERR_NODOSUM_FIRST: entry(\n'), ...thrown }),
    ).toEqual([])
  })

  it('finds a code that nothing throws', () => {
    const codes = '  ERR_NODOSUM_FIRST: entry(\n  ERR_NODOSUM_SECOND: entry(\n'
    const problems = problemsOf(errorCodes, { ...catalog(codes), ...thrown })
    expect(problems).toEqual([expect.stringContaining('nothing throws ERR_NODOSUM_SECOND')])
  })

  it('finds a code that is not catalogued, in code and in pages', () => {
    const files = { ...catalog('  ERR_NODOSUM_FIRST: entry(\n'), ...thrown }
    const page = { 'docs/a.md': 'It fails with `ERR_NODOSUM_TYPO`.\n' }
    expect(problemsOf(errorCodes, { ...files, ...page })).toHaveLength(1)
    const code = { 'packages/a/src/c.ts': "throw new NodosumError('ERR_NODOSUM_TYPO', '')\n" }
    expect(problemsOf(errorCodes, { ...files, ...code })).toHaveLength(1)
  })
})

describe('links between pages', () => {
  it('follows files and headings', () => {
    const pages = {
      'a.md': '[b](docs/b.md), [part](docs/b.md#how-it-works), [out](https://example.com)\n',
      'docs/b.md': '## How it works\n[back](../a.md)\n',
    }
    expect(problemsOf(markdownLinks, pages)).toEqual([])
  })

  it('finds a link that leads to nothing, and an anchor without a heading', () => {
    expect(problemsOf(markdownLinks, { 'a.md': '\n[b](b.md)\n' })).toEqual([
      'a.md:2 b.md leads to nothing',
    ])
    const pages = { 'a.md': '[b](b.md#gone)\n', 'b.md': '# Here\n' }
    expect(problemsOf(markdownLinks, pages)).toHaveLength(1)
  })

  it('leaves code alone', () => {
    expect(problemsOf(markdownLinks, { 'a.md': '```ts\na[0](b)\n```\n`c[0](d)`\n' })).toEqual([])
  })
})

describe('changesets', () => {
  const published = { 'packages/kernel/package.json': '{ "name": "@nodosum/kernel" }' }
  const change = (text: string): string[] =>
    problemsOf(changesets, { ...published, '.changeset/new-thing.md': text })

  it('lets a good one pass', () => {
    expect(change("---\n'@nodosum/kernel': minor\n---\n\nA new thing.\n")).toEqual([])
  })

  it('refuses unknown packages, unknown releases, and silence', () => {
    expect(change("---\n'@nodosum/krenel': minor\n---\n\nA new thing.\n")).toHaveLength(1)
    expect(change("---\n'@nodosum/kernel': huge\n---\n\nA new thing.\n")).toHaveLength(1)
    expect(change("---\n'@nodosum/kernel': minor\n---\n\n")).toHaveLength(1)
    expect(change('A new thing.\n')).toHaveLength(1)
  })
})

describe('licences of dependencies', () => {
  const files = (licence: string): Record<string, string> => ({
    'packages/a/package.json':
      '{ "name": "a", "license": "Apache-2.0", "dependencies": { "b": "1" } }',
    'packages/a/node_modules/b/package.json':
      '{ "name": "b", "version": "1", "license": "MIT", "dependencies": { "c": "1" } }',
    'node_modules/c/package.json': `{ "name": "c", "version": "1", "license": "${licence}" }`,
  })

  it('accepts permissive ones', () => {
    expect(problemsOf(licences, files('ISC'))).toEqual([])
  })

  it('finds another one, also two steps away', () => {
    expect(problemsOf(licences, files('AGPL-3.0'))).toEqual([
      expect.stringContaining('pulls in c@1, licence: AGPL-3.0'),
    ])
  })

  it('wants Apache-2.0 of the packages themselves', () => {
    expect(
      problemsOf(licences, { 'packages/a/package.json': '{ "license": "MIT" }' }),
    ).toHaveLength(1)
  })
})
