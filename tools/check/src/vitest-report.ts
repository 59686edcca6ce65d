import { readFileSync } from 'node:fs'

/** As much of vitest's JSON report as counts. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
  }[]
}

/** Counts of a vitest run; a file that could not be loaded is a failure, and so may a skip be. */
export function countTests(
  file: string,
  skippingIsFailing: boolean,
): { passed: number; failed: number } {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  const skipped = report.numPendingTests + report.numTodoTests
  const brokenFiles = report.testResults.filter(
    ({ status, message }) => status === 'failed' && (message ?? '') !== '',
  ).length
  if (skipped > 0) process.stdout.write(`${skipped} tests were skipped\n`)
  const failed = Math.max(report.numFailedTests, brokenFiles) + (skippingIsFailing ? skipped : 0)
  return { passed: report.numPassedTests, failed }
}
