import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readinessProblems, readLedger, renderLedger } from '../src/readiness-ledger.ts'
import { compileErrors, snippetsOf } from '../src/snippets.ts'
import { countTests, failures, passedTests } from '../src/vitest-report.ts'
import { plantedTree } from './planted-tree.ts'

const root = join(import.meta.dirname, '../../..')

describe('the readiness ledger', () => {
  const problems = (yaml: string): string[] => {
    const files = {
      'packages/a/test/a.test.ts': "it('keeps its word', () => {})\n",
      'tools/check/src/a.ts': "export const rule = { name: 'a rule' }\n",
    }
    const page = renderLedger(readLedger(plantedTree({ 'docs/readiness.yaml': yaml })))
    const tree = plantedTree({ ...files, 'docs/readiness.yaml': yaml, 'docs/readiness.md': page })
    return readinessProblems(tree).map(({ message }) => message)
  }
  const row = (rest: string): string => `- id: 1.1.1\n  owed: a thing\n${rest}`

  it('accepts proofs that exist', () => {
    const proof = '[{ test: "packages/a/test/a.test.ts > keeps its word" }, { check: a rule }]'
    expect(problems(row(`  status: done\n  proof: ${proof}\n`))).toEqual([])
  })

  it('refuses a done row without proof, and a partial one without a note', () => {
    expect(problems(row('  status: done\n'))).toEqual(['1.1.1 is done without proof'])
    expect(problems(row('  status: partial\n'))).toHaveLength(1)
  })

  it.each([
    '{ test: "packages/a/test/a.test.ts > breaks its word" }',
    '{ test: "packages/b/test/b.test.ts > keeps its word" }',
    '{ check: another rule }',
    '{ benchmark: quic-oneway }',
    '{ doc: docs/nothing.md }',
  ])('refuses the proof %s, which does not exist', (proof) => {
    expect(problems(row(`  status: done\n  proof: [${proof}]\n`))).toHaveLength(1)
  })

  it('refuses an id that is listed twice, and a page that is out of date', () => {
    expect(problems(row('  status: open\n') + row('  status: open\n'))).toHaveLength(1)
    const stale = plantedTree({
      'docs/readiness.yaml': row('  status: open\n'),
      'docs/readiness.md': '# Readiness\n',
    })
    expect(readinessProblems(stale)).toHaveLength(1)
  })
})

describe('snippets in pages', () => {
  it('finds them with their line', () => {
    const tree = plantedTree({
      'a.md': '# A\n\n```ts snippet\nconst a = 1\n```\n\n```ts\nno()\n```\n',
    })
    expect(snippetsOf(tree)).toEqual([{ file: 'a.md', line: 4, code: 'const a = 1\n' }])
  })

  it('compiles them against the packages', () => {
    const code =
      "import { parseNodeId } from '@nodosum/kernel'\nconst id: number = parseNodeId('a')\n"
    const [problem, ...others] = compileErrors(root, [{ file: 'a.md', line: 4, code }])
    expect(problem).toMatchObject({ file: 'a.md', line: 5 })
    expect(problem?.message).toContain("not assignable to type 'number'")
    expect(others).toEqual([])
    expect(
      compileErrors(root, [{ file: 'a.md', line: 4, code: code.replace('number', 'string') }]),
    ).toEqual([])
  })
})

describe('counting a run of tests', () => {
  const report = (content: object): string => {
    const folder = mkdtempSync(join(tmpdir(), 'nodosum-report-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'report.json'), JSON.stringify(content))
    return join(folder, 'report.json')
  }
  const counts = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0 }

  it('takes a skip for a failure where skipping is forbidden', () => {
    const file = report({ ...counts, testResults: [] })
    expect(countTests(file, false)).toEqual({ passed: 3, failed: 0, skipped: 1 })
    expect(countTests(file, true)).toEqual({ passed: 3, failed: 1, skipped: 1 })
  })

  it('takes a file that does not load for a failure', () => {
    const broken = {
      name: '/r/a.test.ts',
      status: 'failed',
      message: 'no such module',
      assertionResults: [],
    }
    expect(countTests(report({ ...counts, testResults: [broken] }), false).failed).toBe(1)
  })

  it('names what failed: tests, and files that do not load', () => {
    const failed = { title: 'b', fullName: 'a b', status: 'failed', failureMessages: ['no\nat x'] }
    const testResults = [
      { name: '/r/a.test.ts', status: 'failed', message: '', assertionResults: [failed] },
      { name: '/r/b.test.ts', status: 'failed', message: 'no module\nat y', assertionResults: [] },
      { name: '/r/c.test.ts', status: 'passed', message: '', assertionResults: [] },
    ]
    expect(failures(report({ ...counts, testResults }), '/r')).toEqual([
      'a.test.ts > a b: no',
      'b.test.ts: no module',
    ])
  })

  it('lists what passed by file', () => {
    const assertionResults = [
      { title: 'a', status: 'passed' },
      { title: 'b', status: 'skipped' },
    ]
    const file = report({
      ...counts,
      testResults: [{ name: '/r/a.test.ts', status: 'passed', assertionResults }],
    })
    expect(passedTests(file, '/r')).toEqual(new Map([['a.test.ts', new Set(['a'])]]))
  })
})
