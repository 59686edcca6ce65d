import { parse } from 'yaml'
import { z } from 'zod'
import type { Problem } from './rule.ts'
import type { SourceTree } from './source-tree.ts'

const ledgerFile = 'docs/readiness.yaml'
export const ledgerPage = 'docs/readiness.md'

/** What shows that a row is true. */
type Proof =
  | { readonly test: string }
  | { readonly check: string }
  | { readonly benchmark: string }
  | { readonly doc: string }

interface Row {
  readonly id: string
  readonly owed: string
  readonly status: 'done' | 'partial' | 'open'
  readonly where?: string | undefined
  readonly note?: string | undefined
  readonly proof: readonly Proof[]
}

const proofSchema: z.ZodType<Proof> = z.union([
  z.strictObject({ test: z.string().includes(' > ') }),
  z.strictObject({ check: z.string() }),
  z.strictObject({ benchmark: z.string() }),
  z.strictObject({ doc: z.string() }),
])
const rowSchema: z.ZodType<Row> = z.strictObject({
  id: z.string().regex(/^\d+\.\d+\.\d+$/),
  owed: z.string().min(1),
  status: z.enum(['done', 'partial', 'open']),
  where: z.string().optional(),
  note: z.string().optional(),
  proof: z.array(proofSchema).default([]),
})

export function readLedger(tree: SourceTree): Row[] {
  return z.array(rowSchema).parse(parse(tree.read(ledgerFile)))
}

/** What is wrong with the ledger as far as files tell; whether the tests pass is asked apart. */
export function readinessProblems(tree: SourceTree): Problem[] {
  if (!tree.files.includes(ledgerFile)) return [{ file: ledgerFile, message: 'is missing' }]
  const parsed = z.array(rowSchema).safeParse(parse(tree.read(ledgerFile)))
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => ({
      file: ledgerFile,
      message: `row ${path.join('.')}: ${message}`,
    }))
  }
  const rows = parsed.data
  const problems: Problem[] = []
  const report = (message: string): void => void problems.push({ file: ledgerFile, message })
  const seen = new Set<string>()
  for (const row of rows) {
    if (seen.has(row.id)) report(`${row.id} is listed twice`)
    seen.add(row.id)
    if (row.status === 'done' && row.proof.length === 0) report(`${row.id} is done without proof`)
    if (row.status === 'partial' && row.note === undefined) {
      report(`${row.id} is partial; a note says what is missing`)
    }
    if (row.status === 'open' && row.proof.length > 0) report(`${row.id} is open but has proof`)
    if (row.where !== undefined && !exists(tree, row.where)) {
      report(`${row.id}: ${row.where} does not exist`)
    }
    for (const proof of row.proof) {
      const missing = missingProof(tree, proof)
      if (missing !== undefined) report(`${row.id}: ${missing}`)
    }
  }
  const page = tree.files.includes(ledgerPage) ? tree.read(ledgerPage) : ''
  if (page !== renderLedger(rows)) {
    problems.push({ file: ledgerPage, message: 'is out of date; run `npm run readiness`' })
  }
  return problems
}

function exists(tree: SourceTree, path: string): boolean {
  return tree.files.some((file) => file === path || file.startsWith(`${path}/`))
}

/** The parts of a `test` proof: the file, and the title of the test in it. */
export function testOf(proof: { readonly test: string }): { file: string; title: string } {
  const [file = '', ...title] = proof.test.split(' > ')
  return { file, title: title.join(' > ') }
}

function missingProof(tree: SourceTree, proof: Proof): string | undefined {
  if ('doc' in proof) return exists(tree, proof.doc) ? undefined : `no document ${proof.doc}`
  if ('test' in proof) {
    const { file, title } = testOf(proof)
    if (!tree.files.includes(file)) return `no test file ${file}`
    return hasTest(tree, file, title) ? undefined : `${file} has no test "${title}"`
  }
  const [kind, name, folder] =
    'check' in proof
      ? (['check', proof.check, 'tools/check/src/'] as const)
      : (['benchmark case', proof.benchmark, 'benchmarks/src/'] as const)
  const sources = tree.files.filter((file) => file.startsWith(folder) && file.endsWith('.ts'))
  const quoted = new RegExp(`['"\`]${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}['"\`]`)
  return sources.some((file) => quoted.test(tree.read(file))) ? undefined : `no ${kind} ${name}`
}

/** Whoever runs the conformance suite has its clauses as tests. */
function hasTest(tree: SourceTree, file: string, title: string): boolean {
  const text = tree.read(file)
  if (text.includes(title)) return true
  const clauses = tree.files.filter((one) => one.startsWith('packages/transport/src/conformance/'))
  return text.includes('clausesFor(') && clauses.some((one) => tree.read(one).includes(title))
}

/** docs/readiness.md: the ledger as a page. */
export function renderLedger(rows: readonly Row[]): string {
  const count = (status: Row['status']): number =>
    rows.filter((row) => row.status === status).length
  const lines = [
    '# Readiness',
    '',
    `Generated from [readiness.yaml](readiness.yaml). Of ${rows.length} rows ${count('done')} are done, ` +
      `${count('partial')} partial and ${count('open')} open.`,
    '',
    '| id | owed | status | proof, or what is missing |',
    '| --- | --- | --- | --- |',
  ]
  for (const row of rows) {
    const proofs = row.proof.map((proof) => `\`${Object.values(proof)[0]}\``)
    const last = [row.note, ...proofs].filter((part) => part !== undefined).join('<br>')
    lines.push(`| ${row.id} | ${cell(row.owed)} | ${row.status} | ${cell(last)} |`)
  }
  return `${lines.join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim()
}
