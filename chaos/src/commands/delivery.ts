import { Command, Option } from 'commander'
import { type DeliveryFaultName, deliveryFaults } from '../delivery/delivery-faults.ts'
import { runDelivery } from '../delivery/run-delivery.ts'
import { positive } from './positive.ts'

const names = Object.entries(deliveryFaults).map(([name, { summary }]) => `${name}: ${summary}`)

interface Given {
  readonly fault: DeliveryFaultName | 'all'
  readonly nodes: number
  readonly messages: number
  readonly strikes: number
  readonly seconds: number
  readonly keep: boolean
}

export const delivery: Command = new Command('delivery')
  .description('processes that send to each other under a fault; an audit of their own books')
  .addOption(
    new Option('--fault <name>', `what happens; all for each in turn\n${names.join('\n')}`)
      .choices([...Object.keys(deliveryFaults), 'all'])
      .default('all'),
  )
  .option('--nodes <number>', 'processes', positive, 5)
  .option('--messages <number>', 'that nobody waits for; others on top', positive, 100_000)
  .option('--strikes <number>', 'of a fault that strikes, at least', positive, 3)
  .option('--seconds <number>', 'gives up after so long', positive, 300)
  .option('--keep', 'keeps the books also when all is well', false)
  .action(async ({ fault, seconds: secondsMax, ...given }: Given) => {
    const chosen = fault === 'all' ? (Object.keys(deliveryFaults) as DeliveryFaultName[]) : [fault]
    for (const name of chosen) {
      const result = await runDelivery({ ...given, fault: name, secondsMax })
      const { counts, problems, seconds, strikes, directory } = result
      console.log(`${name}: ${JSON.stringify({ ...counts, seconds, strikes })}`)
      for (const problem of problems) console.log(`FAIL ${name}: ${problem}`)
      if (problems.length === 0) continue
      console.log(`the books are in ${directory}`)
      process.exitCode = 1
    }
  })
