/**
 * A node whose event loop is held up when it is told so: `stalling-member.ts <options as JSON>`. It
 * tells what it has seen of others, and how much it came to doubt itself.
 */
import { silentLogger } from '@nodosum/kernel'
import { createNode, type NodeOptions } from '../../src/index.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions
const node = await createNode({ logger: silentLogger, ...options })
const changes: string[] = []
let worstHealth = 0
node.on('member', ({ kind, member }) => void changes.push(`${member.nodeId} ${kind}`))
setInterval(() => {
  worstHealth = Math.max(worstHealth, node.metrics().membership.localHealth)
}, 20)
node.application('stall').onMessage((payload) => {
  const untilMs = performance.now() + Number(payload)
  while (performance.now() < untilMs);
})
node.application('look').onRequest(() => ({
  changes,
  worstHealth,
  stalls: node.metrics().membership.stalls,
}))
process.stdout.write(`${JSON.stringify({ ready: node.id })}\n`)
