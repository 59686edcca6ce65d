/** `pnpm check`: everything that can be said about the code without running it. */
import { join } from 'node:path'
import { readinessProblems } from './readiness-ledger.ts'
import { formatProblem, type Problem, type Rule } from './rule.ts'
import { boundaries } from './rules/boundaries.ts'
import { changesets } from './rules/changesets.ts'
import { coreTsconfig } from './rules/core-tsconfig.ts'
import { errorCodes } from './rules/error-codes.ts'
import { fileShape } from './rules/file-shape.ts'
import { licences } from './rules/licences.ts'
import { markdownLinks } from './rules/markdown-links.ts'
import { purity } from './rules/purity.ts'
import { strictValidation } from './rules/strict-validation.ts'
import { testHygiene } from './rules/test-hygiene.ts'
import { checkSnippets } from './snippets.ts'
import { SourceTree } from './source-tree.ts'
import { run } from './stage.ts'

const root = join(import.meta.dirname, '../../..')
const tree = new SourceTree(root)

const ledger: Rule = { name: 'readiness ledger', check: readinessProblems }
const snippets: Rule = { name: 'snippets in pages', check: checkSnippets }
const rules: readonly Rule[] = [
  boundaries,
  purity,
  coreTsconfig,
  fileShape,
  testHygiene,
  errorCodes,
  strictValidation,
  markdownLinks,
  licences,
  changesets,
  ledger,
  snippets,
]

const corePrograms = tree.files
  .filter((file) => /^(packages\/[^/]+|chaos)\/tsconfig\.core\.json$/.test(file))
  .map((file): readonly string[] => ['tsc', '-p', file])
const programs: readonly (readonly string[])[] = [
  ['biome', 'ci', '--error-on-warnings', '--colors=off', '.'],
  ['oxlint', '--type-aware', '--tsconfig', 'tsconfig.json'],
  ['knip'],
  ['node', '-C', 'nodosum-source', 'tools/check/src/reference.ts', '--check'],
  ['tsc', '-p', 'tsconfig.json'],
  // An application exports contracts with the types that are inferred.
  ['tsc', '-p', 'apps/bazaar/tsconfig.json'],
  ['tsc', '-p', 'chaos/tsconfig.json'],
  ...corePrograms,
]

let failures = 0
const say = (name: string, isGood: boolean, startedMs: number, details: string): void => {
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`)
  if (!isGood) process.stdout.write(`${details.trimEnd()}\n`)
  if (!isGood) failures += 1
}

for (const rule of rules) {
  const startedMs = performance.now()
  const problems: readonly Problem[] = rule.check(tree)
  say(rule.name, problems.length === 0, startedMs, problems.map(formatProblem).join('\n'))
}
for (const [command = '', ...args] of programs) {
  const startedMs = performance.now()
  const { code, output } = await run(command, args, { quiet: true })
  say([command, ...args].join(' '), code === 0, startedMs, output)
}
process.stdout.write(
  failures === 0 ? 'pnpm check: all good\n' : `pnpm check: ${failures} checks failed\n`,
)
process.exitCode = failures === 0 ? 0 : 1
