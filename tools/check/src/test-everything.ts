/** What `npm test` runs: everything that decides whether a change is good. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program, run, type StageResult, stage } from './stage.ts'
import { countTests, failures } from './vitest-report.ts'

const mayNotSkip = process.env.NODOSUM_NO_SKIP === '1'
const scratch = mkdtempSync(join(tmpdir(), 'nodosum-test-'))
/** Said again at the very end, where nobody has to look for it. */
const notes: string[] = []

/** On two cores they take ten minutes; what hangs ends here and not with the whole job. */
const testsTimeoutMs = 1_800_000

async function unitTests(): Promise<{ passed: number; failed: number }> {
  const report = join(scratch, 'vitest.json')
  const { code } = await run(
    'vitest',
    ['run', '--coverage', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { timeoutMs: testsTimeoutMs },
  )
  const counts = countsOf(report)
  // Coverage below the threshold fails the run although every test passed.
  if (code === 0 || counts.failed > 0) return counts
  notes.push('every test passed, but vitest failed: coverage, or an error outside of a test')
  return { ...counts, failed: 1 }
}

/** Users may run Node 22.18; tools/floor installs it. */
async function testsOnTheFloor(): Promise<{ passed: number; failed: number }> {
  const report = join(scratch, 'floor.json')
  const node = 'tools/floor/node_modules/.bin/node'
  const { output } = await run(node, ['--version'], { quiet: true })
  process.stdout.write(`Node ${output.trim()}\n`)
  const folders = readdirSync('packages').map((name) => `packages/${name}/test`)
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...folders]
  await run(
    node,
    [...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { timeoutMs: testsTimeoutMs },
  )
  return countsOf(report)
}

function countsOf(report: string): { passed: number; failed: number } {
  if (!existsSync(report)) {
    notes.push('vitest ended without a report')
    return { passed: 0, failed: 1 }
  }
  const { skipped, ...counts } = countTests(report, mayNotSkip)
  if (skipped > 0) notes.push(`${skipped} tests were skipped`)
  notes.push(...failures(report, process.cwd()))
  return counts
}

const results: StageResult[] = []
results.push(await stage('check', () => program('node', ['tools/check/src/check.ts'])))
results.push(await stage('tests, with coverage', unitTests))
results.push(
  await stage('readiness', () =>
    program('node', ['tools/check/src/readiness.ts', '--report', join(scratch, 'vitest.json')]),
  ),
)
results.push(await stage('tests of the packages, on the oldest supported Node', testsOnTheFloor))
results.push(
  await stage('build', () => program('pnpm', ['-r', '--workspace-concurrency=2', 'run', 'build'])),
)
results.push(await stage('packages', () => program('node', ['tools/check/src/check-packages.ts'])))
results.push(
  await stage('bazaar', () =>
    program('node', ['-C', 'nodosum-source', 'apps/bazaar/src/main.ts', '--once'], {
      timeoutMs: 180_000,
    }),
  ),
)
results.push(
  await stage('benchmarks, briefly', () =>
    program('node', ['-C', 'nodosum-source', 'benchmarks/src/main.ts', '--brief'], {
      timeoutMs: 300_000,
    }),
  ),
)
rmSync(scratch, { recursive: true, force: true })

const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
process.stdout.write('\n')
for (const { name, seconds, failed: bad } of results) {
  process.stdout.write(`${bad === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)\n`)
}
for (const note of notes) process.stdout.write(`${note}\n`)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
