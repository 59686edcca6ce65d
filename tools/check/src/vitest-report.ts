import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

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
    readonly assertionResults: readonly {
      readonly title: string
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

function readReport(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report
}

/** Counts of a vitest run; a file that could not be loaded is a failure, and so may a skip be. */
export function countTests(
  file: string,
  skippingIsFailing: boolean,
): { passed: number; failed: number; skipped: number } {
  const report = readReport(file)
  const skipped = report.numPendingTests + report.numTodoTests
  const brokenFiles = report.testResults.filter(
    ({ status, message }) => status === 'failed' && (message ?? '') !== '',
  ).length
  const failed = Math.max(report.numFailedTests, brokenFiles) + (skippingIsFailing ? skipped : 0)
  return { passed: report.numPassedTests, failed, skipped }
}

/** One line for each test or file that failed: where, what, and the first line of why. */
export function failures(file: string, root: string): string[] {
  return readReport(file).testResults.flatMap(({ name, message, assertionResults }) => {
    const where = relative(root, name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0 && (message ?? '') !== '') return [`${where}: ${firstLine(message)}`]
    return failed.map(
      ({ fullName, failureMessages }) =>
        `${where} > ${fullName}: ${firstLine(failureMessages?.[0])}`,
    )
  })
}

function firstLine(text = ''): string {
  return text.split('\n', 1)[0] ?? ''
}

/** Titles of the tests that passed, by file relative to the root. */
export function passedTests(file: string, root: string): Map<string, Set<string>> {
  return new Map(
    readReport(file).testResults.map(({ name, assertionResults }) => {
      const passed = assertionResults.filter(({ status }) => status === 'passed')
      return [relative(root, name), new Set(passed.map(({ title }) => title))]
    }),
  )
}
