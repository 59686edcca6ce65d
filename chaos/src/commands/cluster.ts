import { Command, Option } from 'commander'
import { saveRecord } from '../cluster/cluster-record.ts'
import { faults } from '../cluster/faults.ts'
import { type ClusterRun, runCluster } from '../cluster/run-cluster.ts'
import { auditViews, type Finding } from '../cluster/view-audit.ts'
import { Ledgers } from '../cluster/view-ledger.ts'
import { positive } from './positive.ts'

const names = Object.entries(faults).map(([name, { summary }]) => `${name}: ${summary}`)

/** What a process that a signal ends exits with. */
const exitCodes = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

export const cluster: Command = new Command('cluster')
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
  .option('--save <file>', 'adds findings, times and what was used to this file, a JSON array')
  .action(async (given: Omit<ClusterRun, 'signal'> & { json: boolean; save?: string }) => {
    const interrupted = new AbortController()
    for (const [signal, exitCode] of exitCodes) {
      process.once(signal, () => interrupted.abort(exitCode))
    }
    const run = { ...given, signal: interrupted.signal }
    const result = await runCluster(run, (line) => console.error(line)).catch((error: unknown) => {
      if (!interrupted.signal.aborted) throw error
      process.exitCode = interrupted.signal.reason as number
      return null
    })
    if (result === null) return
    const { findings, directory, isKept } = result
    report(findings, given.json)
    if (given.save !== undefined) saveRecord(given.save, run, result)
    if (!isKept) console.error(`the books are kept in ${directory}`)
    process.exitCode = isKept ? 0 : 1
  })

export const audit: Command = new Command('audit')
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
