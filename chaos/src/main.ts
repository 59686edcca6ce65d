/**
 * `npm run chaos -- conformance [--transport quic|h2] [--link NAME] [--clause TEXT] [--seed TEXT]
 * [--rounds N]`
 * `npm run chaos -- standstill [--seconds N]`
 * `npm run chaos -- flood [--kind garbage|initials|replay-stranger|replay-member] [--packets N]
 * [--seconds N] [--rounds N] [--save FILE]`
 *
 * The long forms of what the tests of this folder do briefly.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { type ConformanceRun, runConformance } from './conformance/run-conformance.ts'
import { type FloodCommand, floodCommand } from './flood/flood-command.ts'
import { floodKinds } from './flood/orders.ts'
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

program
  .command('flood')
  .description('packets of strangers, or of a member that turns hostile, while others work')
  .addOption(new Option('--kind <name>', 'all unless told').choices(floodKinds))
  .option('--packets <number>', 'a second', positive, 10_000)
  .option('--seconds <number>', 'how long', positive, 30)
  .option('--quiet-seconds <number>', 'measured before, without a flood', positive, 10)
  .option('--rounds <number>', 'of each kind', positive, 5)
  .option('--save <file>', 'adds the rounds to those in this file')
  .action(async (given: FloodCommand) => {
    const problems = await floodCommand(given, (line) => console.log(line))
    for (const problem of problems) console.log(`FAIL ${problem}`)
    process.exitCode = problems.length === 0 ? 0 : 1
  })

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
