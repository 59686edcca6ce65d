/**
 * Nodes on a network of their own, whose UDP is cut and let through again as the test says on stdin,
 * one command a line. Prints what each of them sees. To be started by `unshare` with a network and
 * users of its own: `without-udp.ts <options of each node as JSON>`.
 */
import { execFileSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { isNodosumError, silentLogger } from '@nodosum/kernel'
import { createNode, generateGossipKey, type Node, type NodeOptions } from '../../src/index.ts'

const plans = JSON.parse(process.argv[2] ?? '[]') as NodeOptions[]
const nodes = new Map<string, Node>()
let chatting = false

function print(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`)
}

function filter(...words: string[]): void {
  execFileSync('nft', words)
}

/** What a node thinks of the others, and how gossip gets there. */
function look(node: Node): object {
  const states = Object.fromEntries(node.members().map(({ nodeId, state }) => [nodeId, state]))
  const { opened, refused } = node.metrics().gossip
  const health = node.health().checks.find(({ name }) => name === 'membership')
  const keys = node.gossipKeys.list().map(({ id }) => id)
  return { opened, refused, states, health, keys, detours: node.metrics().gossip.detours }
}

const commands: Readonly<Record<string, (argument: string) => unknown>> = {
  /** Drops all UDP, or that to one port. */
  cut: (port) => {
    const to = port === '' ? ['meta', 'l4proto', 'udp'] : ['udp', 'dport', port]
    filter('add', 'rule', 'inet', 'test', 'in', ...to, 'drop')
  },
  /** Drops all gossip and lets connections over QUIC be: they differ by the first byte. */
  deafen: () => filter('add', 'rule', 'inet', 'test', 'in', '@th,64,8', '<', '0x10', 'drop'),
  let: () => filter('flush', 'chain', 'inet', 'test', 'in'),
  /** Starts one of the nodes: which, over which transport. */
  start: async (words) => {
    const [at, transport = 'auto'] = words.split(' ')
    const plan = { ...(plans[Number(at)] as NodeOptions), transport } as NodeOptions
    const node = await createNode({ logger: silentLogger, ...plan })
    nodes.set(node.id, node)
    node.application('work').onRequest((payload) => payload)
    node.on('member', ({ kind, member }) => print({ at: node.id, kind, nodeId: member.nodeId }))
    return node.id
  },
  /** Requests from one node to another without a pause, until `rest`. */
  chat: (pair) => {
    const [from = '', to = ''] = pair.split(' ')
    chatting = true
    const next = (): void => {
      if (!chatting) return
      const asked = nodes.get(from)?.application('work').request(to, 'tea')
      asked?.catch(() => undefined).finally(() => setTimeout(next, 20))
    }
    next()
  },
  rest: () => {
    chatting = false
  },
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, Number(ms), null)),
  ask: async (pair) => {
    const [from = '', to = ''] = pair.split(' ')
    return await nodes.get(from)?.application('work').request(to, 'tea')
  },
  /** Replaces the gossip key and resolves to the id of the new one. */
  rotate: async (id) => {
    const { gossipKeys } = nodes.get(id) as Node
    const [old] = gossipKeys.list()
    const { keyId } = await gossipKeys.install(generateGossipKey())
    await gossipKeys.use(keyId)
    await gossipKeys.remove(old?.id ?? '')
    return keyId
  },
  look: (id) => look(nodes.get(id) as Node),
}

execFileSync('ip', ['link', 'set', 'lo', 'up'])
filter('add', 'table', 'inet', 'test')
filter('add', 'chain', 'inet', 'test', 'in', '{ type filter hook input priority 0; }')
print({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', ...rest] = line.split(' ')
  try {
    print({ done: line, result: (await commands[name]?.(rest.join(' '))) ?? null })
  } catch (error) {
    print({
      done: line,
      error: isNodosumError(error) ? error.code : String(error),
      text: `${error}`,
    })
  }
}
