/**
 * `npm run chaos -- conformance [--transport quic|h2] [--link NAME] [--clause TEXT] [--seed TEXT]
 * [--rounds N]`, `npm run chaos -- replacements [--transport quic|h2] [--messages N] [--every MS]`
 *
 * The long forms of what the tests of this folder do briefly.
 */
import { Command, InvalidArgumentError } from 'commander'
import { type ConformanceRun, runConformance } from './conformance/run-conformance.ts'
import { transportKinds } from './conformance/transports.ts'
import { replaceConnections } from './replaced-connections.ts'

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
  .command('replacements')
  .description('sessions under load whose connection is replaced and broken all the time')
  .option('--transport <name>', 'quic or h2; both unless told')
  .option('--messages <number>', 'in both directions together', positive, 10_000_000)
  .option('--every <milliseconds>', 'how often the connection is replaced', positive, 1_000)
  .action(async (given: { transport?: string; messages: number; every: number }) => {
    for (const transport of transportKinds) {
      if (given.transport !== undefined && given.transport !== transport) continue
      const { messages, every: everyMs } = given
      const books = await replaceConnections({ transport, messages, everyMs })
      console.log(`${transport}: ${JSON.stringify(books)}`)
      const isWhole = books.received === books.sent && books.sent > 0 && books.wrong === 0
      if (!isWhole || books.ended.length > 0) process.exitCode = 1
    }
  })

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
