/**
/**
 * `npm run chaos -- <command> --help`: the long forms of what the tests of this folder do briefly.
 */
import { Command } from 'commander'
import { audit, cluster } from './commands/cluster.ts'
import { conformance } from './commands/conformance.ts'
import { delivery } from './commands/delivery.ts'
import { flood } from './commands/flood.ts'
import { replacements } from './commands/replacements.ts'
import { rollingRestart } from './commands/rolling-restart.ts'
import { standstill } from './commands/standstill.ts'
import { stoppedReader } from './commands/stopped-reader.ts'

const program = new Command('chaos').description('Faults on purpose, at length.')
const commands = [
  conformance,
  standstill,
  stoppedReader,
  replacements,
  rollingRestart,
  flood,
  cluster,
  audit,
  delivery,
]
for (const command of commands) program.addCommand(command)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
