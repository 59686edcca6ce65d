/**
 * A process with one or several nodes: `member-process.ts <settings as JSON>`. It writes what its
 * nodes believe into books of their own. It ends when its parent goes away.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNode, isNodosumError, type Node } from 'nodosum'
import type { MemberSettings, Usage } from './member-settings.ts'
import { writeView } from './view-ledger.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as MemberSettings
const { directory, credentials, seedsFile, expect, joinTimeoutMs } = settings
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const nodes: Node[] = []

async function start(nodeId: string, host: string, port: number): Promise<void> {
  writeView(directory, { atMs: Date.now(), node: nodeId, boot: '', kind: 'starting' })
  try {
    const node = await createNode({
      cluster: 'chaos',
      nodeId,
      listen: { host, port },
      identity: {
        certificateFile: join(credentials, `${nodeId}.crt`),
        keyFile: join(credentials, `${nodeId}.key`),
        caFile: join(credentials, 'ca.crt'),
      },
      gossipKeys: [readFileSync(join(credentials, 'gossip.key'), 'utf8')],
      discovery: { file: seedsFile },
      join: { expect, timeoutMs: joinTimeoutMs },
      logger: quiet,
    })
    nodes.push(node)
    const { bootId: boot } = node
    node.on('member', ({ kind, member }) => {
      const { nodeId: of, state } = member
      const change = { of, change: kind, state }
      writeView(directory, { atMs: Date.now(), node: nodeId, boot, kind: 'changed', ...change })
    })
    const view = Object.fromEntries(node.members().map((member) => [member.nodeId, member.state]))
    writeView(directory, { atMs: Date.now(), node: nodeId, boot, kind: 'joined', view })
    void node.closed.then(({ error }) => {
      const message = error === null ? null : String(error)
      writeView(directory, { atMs: Date.now(), node: nodeId, boot, kind: 'closed', error: message })
    })
  } catch (error) {
    const text = isNodosumError(error) ? `${error.code}: ${error.message}` : String(error)
    writeView(directory, { atMs: Date.now(), node: nodeId, boot: '', kind: 'refused', error: text })
  }
}

process.on('disconnect', () => process.exit())
process.on('message', (asked) => {
  if (asked === 'usage') {
    const { user, system } = process.cpuUsage()
    const status = readFileSync('/proc/self/status', 'utf8')
    const ownBytes = 1_024 * Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1])
    const rssBytes = process.memoryUsage.rss()
    const usage: Usage = { cpuMs: (user + system) / 1_000, rssBytes, ownBytes }
    process.send?.(usage)
  } else void Promise.all(nodes.map((node) => node.close())).then(() => process.disconnect?.())
})
await Promise.all(settings.nodes.map(({ nodeId, host, port }) => start(nodeId, host, port)))
