/**
 * A node that keeps books: `ledger-node.ts <node id> <directory>`. It sends numbered messages to
 * whoever runs the application, and writes to files of its own, outside the product, what it asked
 * for, how each send ended, and what its handler got. A process that is killed leaves what it wrote.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNode, isNodosumError } from 'nodosum'

const [nodeId = '', directory = ''] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

/** Appended at once: only what the system has taken counts as written. */
function write(book: 'sent' | 'ended' | 'handled', entry: object): void {
  appendFileSync(
    join(directory, `${nodeId}.${process.pid}.${book}.jsonl`),
    `${JSON.stringify(entry)}\n`,
  )
}

const node = await createNode({
  cluster: 'chaos',
  nodeId,
  profile: 'development',
  developmentDirectory: join(directory, 'development'),
  logger: quiet,
})
const ledger = node.application('ledger')
ledger.onMessage((id) => write('handled', { id }))

let isStopping = false
process.on('message', () => {
  isStopping = true
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

/** One message at a time to each peer: what is in flight when somebody dies stays countable. */
async function sendTo(to: string, number: number): Promise<void> {
  const id = `${nodeId}.${process.pid}.${number}`
  write('sent', { id, to })
  try {
    await ledger.send(to, id, { confirm: 'handled', timeoutMs: 10_000 })
    write('ended', { id, outcome: 'handled' })
  } catch (error) {
    write('ended', { id, outcome: isNodosumError(error) ? error.code : String(error) })
  }
}

let number = 0
const busy = new Set<string>()
while (!isStopping) {
  // A dead peer holds up nobody else.
  for (const peer of ledger.nodes().filter((id) => id !== nodeId && !busy.has(id))) {
    busy.add(peer)
    void sendTo(peer, number++).then(() => busy.delete(peer))
  }
  await new Promise((resolve) => setTimeout(resolve, 2))
}
await node.close()
process.disconnect?.()
