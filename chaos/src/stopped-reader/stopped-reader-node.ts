/**
 * One of two nodes: `stopped-reader-node.ts <node id> <directory> <transport>`. `reader` handles what
 * comes; its handlers of application `stopped` never finish. `writer` does what it is told.
 */
import { createNode, isNodosumError } from 'nodosum'

/** To the node. */
export type Order =
  /** Small messages one after another, each until its handler has finished. */
  | { readonly order: 'ping'; readonly forMs: number }
  /** As much as there is room for, to an application of the reader, until `rest`. */
  | { readonly order: 'write'; readonly application: 'flowing' | 'stopped' }
  | { readonly order: 'rest' }
  | { readonly order: 'memory' }
  | { readonly order: 'close' }

/** What `memory` is answered with. */
export interface Memory {
  readonly residentBytes: number
  /** What the node counts of its sessions. */
  readonly bufferedBytes: number
  readonly grantedBytes: number
  /** Messages that were written and those that were refused, to either application. */
  readonly accepted: number
  readonly refused: number
  /** Bytes of application `flowing` whose handlers have run. */
  readonly flowedBytes: number
}

const [nodeId = '', directory = '', transport = 'quic'] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const node = await createNode({
  cluster: 'stopped-reader',
  nodeId,
  profile: 'development',
  developmentDirectory: directory,
  transport: transport as 'quic' | 'h2',
  join: { alone: nodeId === 'reader' },
  logger: quiet,
})

const bulkBytes = 65_536
const pingBytes = 128
/** A send that finds no room gives up after so long, and another one tries. */
const patienceMs = 1_000
const reader = 'reader'
let flowedBytes = 0
let accepted = 0
let refused = 0
let writing = 0

if (nodeId === reader) {
  node.application('pings').onMessage(() => undefined)
  node.application('flowing').onMessage((bytes) => {
    flowedBytes += (bytes as Uint8Array).length
  })
  node.application('stopped').onMessage(() => new Promise<void>(() => undefined))
}

async function ping(forMs: number): Promise<number[]> {
  const pings = node.application('pings')
  const payload = new Uint8Array(pingBytes)
  const tookMs: number[] = []
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    const startMs = performance.now()
    await pings.send(reader, payload, { confirm: 'handled' })
    tookMs.push(performance.now() - startMs)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return tookMs
}

async function write(application: string): Promise<void> {
  const lane = node.application(application).lane('bulk', { class: 'bulk' })
  const payload = new Uint8Array(bulkBytes).fill(7)
  const mine = ++writing
  while (mine === writing) {
    try {
      if (lane.trySend(reader, payload) !== 'accepted') {
        refused += 1
        await lane.send(reader, payload, { timeoutMs: patienceMs })
      }
      accepted += 1
    } catch (error) {
      if (isNodosumError(error, 'ERR_NODOSUM_SHUT_DOWN')) return
      if (!isNodosumError(error, 'ERR_NODOSUM_BACKPRESSURE')) throw error
    }
  }
}

function memory(): Memory {
  const { buffered, granted } = node.metrics().bytes
  return {
    residentBytes: process.memoryUsage.rss(),
    bufferedBytes: buffered.bytes,
    grantedBytes: granted.bytes,
    accepted,
    refused,
    flowedBytes,
  }
}

async function obey(order: Order): Promise<unknown> {
  if (order.order === 'ping') return await ping(order.forMs)
  if (order.order === 'memory') return memory()
  if (order.order === 'rest') writing += 1
  else if (order.order === 'write') void write(order.application)
  else {
    await node.close()
    process.disconnect()
  }
  return 'done'
}

process.on('message', (order: Order & { readonly number: number }) => {
  const { number } = order
  obey(order).then(
    (answer) => process.connected && process.send?.({ number, answer }),
    (error: unknown) => process.send?.({ number, problem: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
