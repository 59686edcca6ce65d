import { describe, expect, it } from 'vitest'
import { coreTsconfig } from '../../src/rules/core-tsconfig.ts'
import { purity } from '../../src/rules/purity.ts'
import { problemsOf } from '../planted-tree.ts'

const core = 'packages/membership/src/core/probe.ts'

describe('purity of core/ and wire/', () => {
  it.each([
    'export const now = () => Date.now()',
    'export const now = () => new Date()',
    'export const chance = () => Math.random()',
    'export const later = (run: () => void) => setTimeout(run, 5)',
    'export const ticks = () => performance.now()',
    'export const name = () => process.env.NAME',
    'export const bytes = () => Buffer.alloc(4)',
    "export const bytes = () => globalThis['Buffer']",
    'export const parts = { Date }',
  ])('finds %s', (text) => {
    expect(problemsOf(purity, { [core]: `// a comment\n${text}\n` })).toEqual([
      expect.stringContaining(`${core}:2 `),
    ])
  })

  it('lets names pass that only look like globals', () => {
    const text = [
      'export interface Clock { performance: number; Date?: string }',
      'export const of = (clock: Clock) => clock.performance + Math.floor(1.5)',
      '// Date.now() in a comment, and "process" in a string',
    ].join('\n')
    expect(problemsOf(purity, { [core]: text })).toEqual([])
  })

  it('looks at core/ and wire/ only', () => {
    const text = 'export const now = () => Date.now()\n'
    expect(problemsOf(purity, { 'packages/membership/src/driver/a.ts': text })).toEqual([])
    expect(problemsOf(purity, { 'packages/membership/src/wire/a.ts': text })).toHaveLength(1)
  })
})

describe('core/ and wire/ in tsconfig.core.json', () => {
  const config = (text: object): Record<string, string> => ({
    'packages/membership/package.json': '{}',
    'packages/membership/tsconfig.core.json': JSON.stringify(text),
    [core]: 'export const a = 1\n',
    'packages/membership/src/wire/packet.ts': 'export const b = 1\n',
  })
  const pure = { types: [], lib: ['ES2024'], noEmit: true }

  it('is content when every file is included and Node has no types', () => {
    const files = config({ compilerOptions: pure, include: ['src/core', 'src/wire'] })
    expect(problemsOf(coreTsconfig, files)).toEqual([])
  })

  it('names a file that is not included', () => {
    const files = config({ compilerOptions: pure, include: ['src/core'] })
    expect(problemsOf(coreTsconfig, files)).toEqual([
      expect.stringContaining('packages/membership/src/wire/packet.ts is not included'),
    ])
  })

  it('refuses types of Node and of the browser', () => {
    const include = ['src/core', 'src/wire']
    const node = config({ compilerOptions: { ...pure, types: ['node'] }, include })
    expect(problemsOf(coreTsconfig, node)).toEqual([expect.stringContaining('"types"')])
    const browser = config({ compilerOptions: { ...pure, lib: ['ES2024', 'DOM'] }, include })
    expect(problemsOf(coreTsconfig, browser)).toEqual([expect.stringContaining('"lib"')])
  })

  it('asks for the file when there is none', () => {
    const files = { 'packages/membership/package.json': '{}', [core]: 'export const a = 1\n' }
    expect(problemsOf(coreTsconfig, files)).toEqual([expect.stringContaining('missing')])
  })
})
