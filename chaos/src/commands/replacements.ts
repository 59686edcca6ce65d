import { Command } from 'commander'
import { transportKinds } from '../conformance/transports.ts'
import { replaceConnections } from '../replaced-connections.ts'
import { positive } from './positive.ts'

interface Given {
  readonly transport?: string
  readonly messages: number
  readonly every: number
}

export const replacements: Command = new Command('replacements')
  .description('sessions under load whose connection is replaced and broken all the time')
  .option('--transport <name>', 'quic or h2; both unless told')
  .option('--messages <number>', 'in both directions together', positive, 10_000_000)
  .option('--every <milliseconds>', 'how often the connection is replaced', positive, 1_000)
  .action(async ({ transport: only, messages, every: everyMs }: Given) => {
    for (const transport of transportKinds) {
      if (only !== undefined && only !== transport) continue
      const books = await replaceConnections({ transport, messages, everyMs })
      console.log(`${transport}: ${JSON.stringify(books)}`)
      const isWhole = books.received === books.sent && books.sent > 0 && books.wrong === 0
      if (!isWhole || books.ended.length > 0) process.exitCode = 1
    }
  })
