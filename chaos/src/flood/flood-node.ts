/** A node under a flood, or one that measures it: `flood-node.ts <node id> <directory>`. */
import { createNode } from 'nodosum'
import { measureEchoes } from './measure-echoes.ts'
import type { Answer, NodeState, Order } from './orders.ts'

const [nodeId = '', directory = ''] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

const node = await createNode({
  cluster: 'flood',
  nodeId,
  profile: 'development',
  developmentDirectory: directory,
  transport: 'quic',
  logger: quiet,
})
const echo = node.application('echo')
echo.onRequest((payload) => payload)

function answer(message: Answer): void {
  process.send?.(message)
}

function state(): NodeState {
  const { transports } = node.metrics().connections
  const quic = transports.find(({ kind }) => kind === 'quic')
  const counters = quic?.counters ?? {}
  return {
    connections: quic?.connections.length ?? 0,
    accepted: counters.accepted ?? 0,
    members: node
      .members()
      .filter(({ state: one }) => one !== 'failed' && one !== 'left')
      .map(({ nodeId: id }) => id),
    counters,
  }
}

async function obey(order: Order): Promise<void> {
  if (order.order === 'measure') {
    const ask = (): Promise<unknown> => echo.request(order.to, 'hello', { timeoutMs: 10_000 })
    answer(await measureEchoes(ask, order.ms))
  } else if (order.order === 'state') answer({ answer: 'state', ...state() })
  else if (order.order === 'close') {
    await node.close()
    process.disconnect?.()
  }
}

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => answer({ answer: 'failed', message: String(error) }))
})
process.on('disconnect', () => process.exit())
answer({ answer: 'ready', port: node.address.port })
