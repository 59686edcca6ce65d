/** A node in a process of its own: `member.ts <options as JSON>`; prints what it sees. */
import { silentLogger } from '@nodosum/kernel'
import { closeOnSignals, createNode, isNodosumError, type NodeOptions } from '../../src/index.ts'

const { handleMs = 0, ...options } = JSON.parse(process.argv[2] ?? '{}') as NodeOptions & {
  handleMs?: number
}

function print(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`)
}

process.on('unhandledRejection', (error) => print({ unhandled: String(error) }))
try {
  const node = await createNode({ logger: silentLogger, ...options })
  closeOnSignals(node, { deadlineMs: 10_000 })
  node.application('work').onRequest(async (payload) => {
    print({ started: payload })
    await new Promise((resolve) => setTimeout(resolve, handleMs))
    return payload
  })
  node.on('member', ({ kind, member }) => print({ kind, nodeId: member.nodeId }))
  print({ ready: node.id })
  print(await node.closed)
} catch (error) {
  print({ rejected: isNodosumError(error) ? error.code : String(error) })
}
