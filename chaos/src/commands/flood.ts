import { Command, Option } from 'commander'
import { type FloodCommand, floodCommand } from '../flood/flood-command.ts'
import { floodKinds } from '../flood/orders.ts'
import { positive } from './positive.ts'

export const flood: Command = new Command('flood')
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
