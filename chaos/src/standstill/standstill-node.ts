/**
 * A node that can be told to stand still: `standstill-node.ts <node id> <directory> <options>`. It
 * sends numbered messages to every member that runs the application, all the time, and keeps what it
 * got from each, outside the product.
 */
import { createNode, isNodosumError, type NodeOptions } from 'nodosum'

/** To the node. */
export type Order =
  | { readonly order: 'stand-still'; readonly forMs: number }
  /** No message after it; answered when every send has its outcome. */
  | { readonly order: 'finish' }
  | { readonly order: 'report' }
  | { readonly order: 'close' }

/** From the node, after `ready` and `back`. */
export interface Report {
  readonly sent: Readonly<Record<string, number>>
  /** Codes of what was accepted and did not arrive, or is not known to have arrived. */
  readonly undelivered: readonly string[]
  /** How often a send was refused, by code: a member that stands still for long is taken for failed. */
  readonly refused: Readonly<Record<string, number>>
  readonly received: Readonly<Record<string, { readonly count: number; readonly gaps: number }>>
}

const [nodeId = '', directory = '', options = '{}'] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const node = await createNode({
  cluster: 'standstill',
  nodeId,
  profile: 'development',
  developmentDirectory: directory,
  logger: quiet,
  ...(JSON.parse(options) as Partial<NodeOptions>),
})
const application = node.application('counting')
const sent: Record<string, number> = {}
const received: Record<string, { count: number; gaps: number }> = {}
const undelivered: string[] = []
const refused: Record<string, number> = {}
let isFinishing = false

application.onMessage((number, { from }) => {
  received[from] ??= { count: 0, gaps: 0 }
  const book = received[from]
  if (number !== book.count) book.gaps += 1
  book.count += 1
})
node.on('undelivered', ({ code }) => undelivered.push(code))

/** In order, each waiting for room only: many are on their way at any moment. */
async function sendTo(to: string): Promise<void> {
  for (let number = 0; !isFinishing; ) {
    try {
      await application.send(to, number)
      number += 1
      sent[to] = number
    } catch (error) {
      const code = isNodosumError(error) ? error.code : String(error)
      refused[code] = (refused[code] ?? 0) + 1
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const peers = new Map<string, Promise<void>>()
const looking = setInterval(() => {
  for (const peer of application.nodes()) {
    if (peer !== nodeId && !peers.has(peer)) peers.set(peer, sendTo(peer))
  }
}, 20)

const obey: { readonly [Name in Order['order']]: (order: never) => Promise<unknown> } = {
  'stand-still': async ({ forMs }: { readonly forMs: number }) => {
    const end = performance.now() + forMs
    while (performance.now() < end) {
      // On purpose: nothing else of this process runs.
    }
    return 'back'
  },
  finish: async () => {
    isFinishing = true
    await Promise.all(peers.values())
    return 'finished'
  },
  report: async (): Promise<Report> => ({ sent, undelivered, refused, received }),
  close: async () => {
    clearInterval(looking)
    await node.close()
    process.disconnect()
  },
}

process.on('message', (order: Order) => {
  void obey[order.order](order as never).then((answer) => process.send?.(answer ?? 'done'))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
