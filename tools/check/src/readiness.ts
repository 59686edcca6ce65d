/**
 * `pnpm readiness`: writes docs/readiness.md, and fails when a row cites a proof that does not
 * exist, was skipped, or fails. `--report FILE` uses a vitest report instead of running the tests.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  ledgerPage,
  readinessProblems,
  readLedger,
  renderLedger,
  testOf,
} from './readiness-ledger.ts'
import { formatProblem } from './rule.ts'
import { SourceTree } from './source-tree.ts'
import { run } from './stage.ts'
import { passedTests } from './vitest-report.ts'

const root = join(import.meta.dirname, '../../..')
const { values } = parseArgs({ options: { report: { type: 'string' } } })

const rows = readLedger(new SourceTree(root))
if (values.report === undefined) writeFileSync(join(root, ledgerPage), renderLedger(rows))
const problems = readinessProblems(new SourceTree(root)).map(formatProblem)

const cited = rows.flatMap(({ id, proof }) =>
  proof.flatMap((one) => ('test' in one ? [{ id, ...testOf(one) }] : [])),
)
const scratch = mkdtempSync(join(tmpdir(), 'nodosum-readiness-'))
let report = values.report
if (report === undefined && cited.length > 0) {
  report = join(scratch, 'vitest.json')
  const files = [...new Set(cited.map(({ file }) => file))]
  await run('vitest', ['run', '--reporter=json', `--outputFile.json=${report}`, ...files], {
    quiet: true,
  })
}
const passed =
  report !== undefined && existsSync(report)
    ? passedTests(report, root)
    : new Map<string, Set<string>>()
for (const { id, file, title } of cited) {
  const [start = '', ...parameters] = title.split('%')
  const titles = [...(passed.get(file) ?? [])]
  const isPassed = titles.some((one) =>
    parameters.length === 0 ? one === title : one.startsWith(start),
  )
  if (!isPassed) problems.push(`${id}: did not pass: ${file} > ${title}`)
}
rmSync(scratch, { recursive: true, force: true })

for (const problem of problems) process.stdout.write(`${problem}\n`)
const count = (status: string): number => rows.filter((row) => row.status === status).length
process.stdout.write(
  `readiness: ${count('done')} done, ${count('partial')} partial, ${count('open')} open; ` +
    `${cited.length} cited tests, ${problems.length} problems\n`,
)
process.exitCode = problems.length === 0 ? 0 : 1
