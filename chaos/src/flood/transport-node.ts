/**
 * The QUIC transport alone, without gossip keys: `transport-node.ts <node id> <directory> <victim>`.
 * Without the port of a victim it is one, and echoes; with it, it measures an established connection.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from '../../../packages/transport-quic/test/harness.ts'
import { measureEchoes } from './measure-echoes.ts'
import type { Answer, NodeState, Order } from './orders.ts'

const [nodeId = '', directory = '', victimPort = ''] = process.argv.slice(2)
const node = await startNode({
  credentials: JSON.parse(readFileSync(join(directory, `${nodeId}.json`), 'utf8')),
  handshakes: null,
})
const echo = victimPort === '' ? await listen() : await dial(Number(victimPort))

async function listen(): Promise<null> {
  await node.transport.listen((connection) => {
    connection.onStream = (stream) => {
      stream.onData = (chunk) => stream.write(chunk)
    }
  })
  return null
}

/** One byte each, on one stream: they come back in order. */
async function dial(port: number): Promise<() => Promise<unknown>> {
  const connection = await node.transport.connect({ host: '127.0.0.1', port })
  const stream = connection.openStream()
  const waiting: ((value: unknown) => void)[] = []
  stream.onData = (chunk) => {
    for (const byte of chunk) waiting.shift()?.(byte)
  }
  return () => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    waiting.push(resolve)
    stream.write(Buffer.of(1))
    return promise
  }
}

function state(): NodeState {
  const { connections, counters } = node.transport.snapshot()
  return {
    connections: connections.length,
    accepted: counters.accepted ?? 0,
    members: [],
    counters,
  }
}

function answer(message: Answer): void {
  process.send?.(message)
}

process.on('message', (order: Order) => {
  if (order.order === 'state') answer({ answer: 'state', ...state() })
  if (order.order === 'measure' && echo !== null) void measureEchoes(echo, order.ms).then(answer)
})
process.on('disconnect', () => process.exit())
answer({ answer: 'ready', port: node.address.port })
