/**
 * `npm run chaos -- conformance [--transport quic|h2] [--link NAME] [--clause TEXT] [--seed TEXT]
 * [--rounds N]`
 * `npm run chaos -- standstill [--seconds N]`
 * `npm run chaos -- cluster [--nodes N] [--fault NAME] [--brief] [--from source|dist] [--keep]`
 * `npm run chaos -- audit DIRECTORY`
 *
 * The long forms of what the tests of this folder do briefly.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { faults } from './cluster/faults.ts'
import { type ClusterRun, runCluster } from './cluster/run-cluster.ts'
import { auditViews, type Finding } from './cluster/view-audit.ts'
import { Ledgers } from './cluster/view-ledger.ts'
import { type ConformanceRun, runConformance } from './conformance/run-conformance.ts'
import { runStandstill } from './standstill/run-standstill.ts'

function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Not a whole number above 0.')
}

const program = new Command('chaos').description('Faults on purpose, at length.')
program
  .command('conformance')
  .description('the conformance suite of the transports, over links that fail')
  .option('--transport <name>', 'quic or h2; both unless told')
  .option('--link <name>', 'far, lossy (QUIC), stalling (HTTP/2); all unless told')
  .option('--clause <text>', 'only clauses whose name contains this')
  .option('--seed <text>', 'of the faults', '1')
  .option('--rounds <number>', 'how often, each with another seed', positive, 1)
  .action(async (given: ConformanceRun) => {
    const { passed, failed } = await runConformance(given, (line) => console.log(line))
    console.log(`${passed} passed, ${failed} failed`)
    process.exitCode = failed === 0 ? 0 : 1
  })

program
  .command('standstill')
  .description('two nodes, and synchronous work that stops one of them for a while')
  .option('--seconds <number>', 'how long', positive, 10)
  .action(async ({ seconds }: { readonly seconds: number }) => {
    const { problems, reports } = await runStandstill(seconds * 1_000)
    console.log(JSON.stringify(reports))
    for (const problem of problems) console.log(`FAIL ${problem}`)
    if (problems.length === 0) console.log(`ok   nothing lost in ${seconds} s of standstill`)
    process.exitCode = problems.length === 0 ? 0 : 1
  })

const names = Object.entries(faults).map(([name, { summary }]) => `${name}: ${summary}`)
program
  .command('cluster')
  .description('a cluster of real processes, hurt and audited')
  .option('--nodes <number>', 'how many; above 10 several share a process', positive, 10)
  .addOption(
    new Option('--fault <name>', `what happens\n${names.join('\n')}`)
      .choices(Object.keys(faults))
      .default('kill'),
  )
  .option('--brief', 'as short as in CI', false)
  .option('--seed <text>', 'of who is hit', '1')
  .addOption(
    new Option('--from <what>', 'dist needs npm run build')
      .choices(['source', 'dist'])
      .default('source'),
  )
  .option('--keep', 'keeps the books also when all is well', false)
  .option('--json', 'the findings as JSON', false)
  .action(async (given: Omit<ClusterRun, 'signal'> & { json: boolean }) => {
    const interrupted = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)))
    }
    const run = { ...given, signal: interrupted.signal }
    const { findings, directory, isKept } = await runCluster(run, (line) => console.error(line))
    report(findings, given.json)
    if (!isKept) console.error(`the books are kept in ${directory}`)
    process.exitCode = isKept ? 0 : 1
  })
program
  .command('audit')
  .description('judges the books of a cluster once more')
  .argument('<directory>', 'where the books are')
  .action((directory: string) => {
    const findings = auditViews(new Ledgers(directory).read())
    report(findings, false)
    process.exitCode = findings.every(({ isKept }) => isKept) ? 0 : 1
  })

function report(findings: readonly Finding[], isJson: boolean): void {
  if (isJson) return console.log(JSON.stringify(findings, null, 2))
  for (const { what, measured, limit, isKept } of findings) {
    console.log(`${isKept ? 'kept  ' : 'BROKEN'} ${what}: ${measured} (${limit})`)
  }
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
