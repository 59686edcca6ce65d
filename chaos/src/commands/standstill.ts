import { Command } from 'commander'
import { runStandstill } from '../standstill/run-standstill.ts'
import { positive } from './positive.ts'

export const standstill: Command = new Command('standstill')
  .description('two nodes, and synchronous work that stops one of them for a while')
  .option('--seconds <number>', 'how long', positive, 10)
  .action(async ({ seconds }: { readonly seconds: number }) => {
    const { problems, reports } = await runStandstill(seconds * 1_000)
    console.log(JSON.stringify(reports))
    for (const problem of problems) console.log(`FAIL ${problem}`)
    if (problems.length === 0) console.log(`ok   nothing lost in ${seconds} s of standstill`)
    process.exitCode = problems.length === 0 ? 0 : 1
  })
