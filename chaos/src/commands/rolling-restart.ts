import { Command } from 'commander'
import { type RollingRestart, runRollingRestart } from '../rolling-restart/run-rolling-restart.ts'
import { positive } from './positive.ts'

export const rollingRestart: Command = new Command('rolling-restart')
  .description(
    'every process of Bazaar drains, ends and comes back, one by one, while customers order',
  )
  .option('--processes <number>', 'of the shop', positive, 5)
  .option('--orders-per-second <number>', 'of all customers', positive, 40)
  .option('--rounds <number>', 'how often everybody is restarted', positive, 1)
  .action(async (run: RollingRestart) => {
    const { problems, summary } = await runRollingRestart(run, (line) => console.error(line))
    for (const problem of problems) console.log(`FAIL ${problem}`)
    if (problems.length === 0) console.log(`ok   ${summary}, lost 0`)
    process.exitCode = problems.length === 0 ? 0 : 1
  })
