/** A node that runs the contract of `ticks.ts`, in a process of its own. */
import { silentLogger } from '@nodosum/kernel'
import { createNode, type NodeOptions } from '../../src/index.ts'
import { runTicks } from '../ticks.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions
const node = await createNode({ logger: silentLogger, ...options, applications: [runTicks()] })
process.stdout.write(`${JSON.stringify({ ready: node.id })}\n`)
await node.closed
