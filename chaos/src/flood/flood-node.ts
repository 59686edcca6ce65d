/** A node under a flood, or one that measures it: `flood-node.ts <node id> <directory>`. */
import { createNode } from 'nodosum'
import type { Answer, NodeState, Order } from './orders.ts'

const [nodeId = '', directory = ''] = process.argv.slice(2)
const echoesPerSecond = 100
/** Whole milliseconds, and one that has begun. */
const timerGrainMs = 2
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

/** At their times, whether or not earlier ones were answered: a stall counts in each of them. */
async function measure(to: string, ms: number): Promise<Answer> {
  const count = Math.round((ms / 1_000) * echoesPerSecond)
  const startMs = performance.now()
  const latenciesMs: number[] = []
  let failed = 0
  const asked: Promise<void>[] = []
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1_000) / echoesPerSecond
    const earlyMs = dueMs - performance.now()
    if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(earlyMs)))
    // A timer that comes late by its own grain says nothing of the connection.
    const askedMs = Math.min(performance.now(), dueMs + timerGrainMs)
    const work = echo.request(to, 'hello', { timeoutMs: 10_000 }).then(
      () => void latenciesMs.push(performance.now() - askedMs),
      () => {
        failed += 1
      },
    )
    asked.push(work)
  }
  await Promise.all(asked)
  return { answer: 'measured', latenciesMs, failed }
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
  if (order.order === 'measure') answer(await measure(order.to, order.ms))
  else if (order.order === 'state') answer({ answer: 'state', ...state() })
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
