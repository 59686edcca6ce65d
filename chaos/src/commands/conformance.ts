import { Command } from 'commander'
import { type ConformanceRun, runConformance } from '../conformance/run-conformance.ts'
import { positive } from './positive.ts'

export const conformance: Command = new Command('conformance')
  .description('the conformance suite of the transports, over links that fail')
  .option('--transport <name>', 'quic or h2; both unless told')
  .option('--link <name>', 'as clean, rough or leaky (QUIC), stalling (HTTP/2); all unless told')
  .option('--clause <text>', 'only clauses whose name contains this')
  .option('--seed <text>', 'of the faults', '1')
  .option('--rounds <number>', 'how often, each with another seed', positive, 1)
  .action(async (given: ConformanceRun) => {
    const { passed, failed } = await runConformance(given, (line) => console.log(line))
    console.log(`${passed} passed, ${failed} failed`)
    process.exitCode = failed === 0 ? 0 : 1
  })
