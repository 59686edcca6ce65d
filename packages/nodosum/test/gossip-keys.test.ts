import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { generateGossipKey, type Node, type NodeOptions } from '../src/index.ts'
import { ready, startMember } from './member-process.ts'
import {
  certificateFor,
  cluster,
  freePorts,
  scratch,
  seeEachOther,
  startNode,
  until,
} from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Plain = Omit<NodeOptions, 'cluster'>

/** Options of nodes that form one cluster with this gossip key, the first of them by itself. */
async function plans(names: readonly string[], key: string): Promise<Plain[]> {
  const directory = scratch()
  const ports = await freePorts(names.length)
  return await Promise.all(
    names.map(async (nodeId, at) => ({
      nodeId,
      identity: await certificateFor(nodeId, directory),
      listen: { host: '127.0.0.1', port: ports[at] as number },
      gossipKeys: [key],
      discovery: { seeds: [`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1] ?? ports[0]}`] },
      join: { alone: at === 0 },
      dataDirectory: join(directory, nodeId),
    })),
  )
}

async function startAll(given: readonly Plain[]): Promise<Node[]> {
  const nodes: Node[] = []
  for (const plan of given) nodes.push(await startNode(plan))
  await seeEachOther(nodes)
  return nodes
}

const shown = (node: Node): string => JSON.stringify(node.gossipKeys.list())
const inUseOf = (node: Node): string => node.gossipKeys.list()[0]?.id ?? ''
const only = (id: string): string => JSON.stringify([{ id, inUse: true }])

/** What every node does all the time while something else happens; tells how it went. */
function load(nodes: readonly Node[]): { stop(): Promise<{ asked: number; failed: string[] }> } {
  for (const node of nodes) node.application('work').onRequest((payload) => payload)
  const failed: string[] = []
  let asked = 0
  let isOver = false
  const ask = async (from: Node): Promise<void> => {
    while (!isOver) {
      for (const to of nodes) {
        asked += 1
        const reply = await from
          .application('work')
          .request(to.id, asked)
          .catch((error: unknown) => {
            failed.push(isNodosumError(error) ? error.code : String(error))
          })
        if (reply === undefined && failed.length === 0) failed.push('no reply')
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const running = nodes.map((node) => ask(node))
  return {
    stop: async () => {
      isOver = true
      await Promise.all(running)
      return { asked, failed }
    },
  }
}

function deaths(nodes: readonly Node[]): string[] {
  const seen: string[] = []
  for (const node of nodes) {
    node.on('member', ({ kind, member }) => {
      if (kind === 'suspect' || kind === 'failed') seen.push(`${node.id}: ${member.nodeId} ${kind}`)
    })
  }
  return seen
}

describe('the gossip keys of a cluster', () => {
  it('are replaced under load: everybody confirms, nobody dies, nothing is lost', async () => {
    const nodes = await startAll(await plans(['a', 'b', 'c'], generateGossipKey()))
    const [a, b, c] = nodes as [Node, Node, Node]
    const old = inUseOf(a)
    const dead = deaths(nodes)
    const busy = load(nodes)
    const everybody = { acknowledged: ['a', 'b', 'c'], missing: [] }

    const { keyId, ...installed } = await a.gossipKeys.install(generateGossipKey())
    expect(installed).toEqual(everybody)
    expect(nodes.map(inUseOf)).toEqual([old, old, old])
    expect(await b.gossipKeys.use(keyId)).toEqual({ keyId, ...everybody })
    expect(nodes.map(inUseOf)).toEqual([keyId, keyId, keyId])
    expect(await c.gossipKeys.remove(old)).toEqual({ keyId: old, ...everybody })
    expect(nodes.map(shown)).toEqual(nodes.map(() => only(keyId)))

    const opened = nodes.map((node) => node.metrics().gossip.opened)
    await until(() =>
      nodes.every((node, at) => node.metrics().gossip.opened > (opened[at] ?? 0) + 8),
    )
    const { asked, failed } = await busy.stop()
    expect(asked).toBeGreaterThan(50)
    expect([failed, dead]).toEqual([[], []])
    expect(nodes.map((node) => node.metrics().gossip.refused.unknownKey)).toEqual([0, 0, 0])
  })

  it('can be replaced again and again by repeating what was done already', async () => {
    const [a, b] = (await startAll(await plans(['a', 'b'], generateGossipKey()))) as [Node, Node]
    const old = inUseOf(a)
    const key = generateGossipKey()
    const { keyId } = await a.gossipKeys.install(key)
    for (const node of [a, b, a]) {
      expect(await node.gossipKeys.install(key)).toMatchObject({ acknowledged: ['a', 'b'] })
    }
    for (const node of [b, a]) {
      expect(await node.gossipKeys.use(keyId)).toMatchObject({ acknowledged: ['a', 'b'] })
    }
    for (const node of [a, b]) {
      expect(await node.gossipKeys.remove(old)).toMatchObject({ acknowledged: ['a', 'b'] })
    }
    expect([shown(a), shown(b)]).toEqual([only(keyId), only(keyId)])
  })

  it('are the same everywhere after two nodes have rotated at the same time', async () => {
    const nodes = await startAll(await plans(['a', 'b', 'c'], generateGossipKey()))
    const [a, , c] = nodes as [Node, Node, Node]
    const rotate = async (node: Node): Promise<unknown> => {
      const { keyId } = await node.gossipKeys.install(generateGossipKey())
      return await node.gossipKeys.use(keyId)
    }
    await Promise.all([rotate(a), rotate(c)])
    await until(() => new Set(nodes.map(shown)).size === 1)
    expect(a.gossipKeys.list()).toHaveLength(3)
    await seeEachOther(nodes)
  })

  it('are kept over a restart with the old options, also when the cluster is gone', async () => {
    const [plan] = (await plans(['a'], generateGossipKey())) as [Plain]
    const before = await startNode(plan)
    const old = inUseOf(before)
    const { keyId } = await before.gossipKeys.install(generateGossipKey())
    await before.gossipKeys.use(keyId)
    await before.gossipKeys.remove(old)
    await before.close()
    expect(shown(await startNode(plan))).toBe(only(keyId))
  })

  it('are not changed for a member that cannot keep them, which is named with its code', async () => {
    const [one, two] = (await plans(['a', 'b'], generateGossipKey())) as [Plain, Plain]
    const [a, b] = (await startAll([one, two])) as [Node, Node]
    // Where the directory was is a file now.
    rmSync(two.dataDirectory as string, { recursive: true, force: true })
    writeFileSync(two.dataDirectory as string, '')
    const before = shown(b)
    const step = await a.gossipKeys.install(generateGossipKey())
    expect(step.acknowledged).toEqual(['a'])
    expect(step.missing).toEqual([{ nodeId: 'b', code: 'ERR_NODOSUM_STORE_FAILED' }])
    expect(shown(b)).toBe(before)
    rmSync(two.dataDirectory as string)
    expect(await a.gossipKeys.use(step.keyId)).toMatchObject({ acknowledged: ['a', 'b'] })
    expect(inUseOf(b)).toBe(step.keyId)
  })

  it('refuse what cannot be: no key, an unknown id, the key in use, a ninth', async () => {
    const [plan] = (await plans(['a'], generateGossipKey())) as [Plain]
    const { gossipKeys } = await startNode(plan)
    const id = gossipKeys.list()[0]?.id ?? ''
    const codeOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'done',
        (error: { code: string }) => error.code.replace('ERR_NODOSUM_', ''),
      )
    expect(await codeOf(gossipKeys.install('secret'))).toBe('CONFIG_INVALID')
    expect(await codeOf(gossipKeys.use('0000abcd'))).toBe('GOSSIP_KEY_UNKNOWN')
    expect(await codeOf(gossipKeys.remove(id))).toBe('GOSSIP_KEY_IN_USE')
    expect(await codeOf(gossipKeys.use(id, { timeoutMs: -1 }))).toBe('CONFIG_INVALID')
    expect(await codeOf(gossipKeys.use(id, { signal: AbortSignal.abort() }))).toBe('CANCELLED')
    for (let count = 1; count < 8; count++) await gossipKeys.install(generateGossipKey())
    expect(await codeOf(gossipKeys.install(generateGossipKey()))).toBe('LIMIT_GOSSIP_KEYS')
    expect(gossipKeys.list()).toHaveLength(8)
  })

  it('travel where no module looks or speaks', async () => {
    const [a, b] = (await startAll(await plans(['a', 'b'], generateGossipKey()))) as [Node, Node]
    await a.gossipKeys.install(generateGossipKey())
    for (const node of [a, b]) {
      expect(node.members().flatMap(({ applications }) => applications)).toEqual([])
      expect(node.metrics().applications).toEqual({})
    }
    expect(() => a.application('nodosum.keys')).toThrow('are the library')
  })
})

describe('a member that is away while the keys change', () => {
  it('stops the next step while it is believed to be there, and gets all when it goes on', async () => {
    const given = await plans(['a', 'b', 'z'], generateGossipKey())
    const nodes = await startAll(given.slice(0, 2))
    const [a, b] = nodes as [Node, Node]
    const old = inUseOf(a)
    const late = startMember({ cluster, ...given[2] })
    await ready(late)
    await until(() => nodes.every((node) => node.members().length === 3))
    const stateOf = (node: Node): string | undefined =>
      node.members().find(({ nodeId }) => nodeId === 'z')?.state
    await until(() => stateOf(a) === 'alive' && stateOf(b) === 'alive')

    late.kill('SIGSTOP')
    const step = await a.gossipKeys.install(generateGossipKey(), { timeoutMs: 200 })
    expect(step.acknowledged).toEqual(['a', 'b'])
    expect(step.missing.map(({ nodeId }) => nodeId)).toEqual(['z'])
    const early = await a.gossipKeys.use(step.keyId, { timeoutMs: 200 }).catch((error) => error)
    expect(early).toMatchObject({ code: 'ERR_NODOSUM_GOSSIP_KEY_NOT_EVERYWHERE' })
    expect(early.details).toMatchObject({ missing: ['z'] })
    expect(inUseOf(a)).toBe(old)

    await until(() => stateOf(a) === 'failed' && stateOf(b) === 'failed')
    const dead = deaths(nodes)
    const busy = load(nodes)
    expect((await a.gossipKeys.use(step.keyId)).missing).toMatchObject([{ nodeId: 'z' }])
    expect((await b.gossipKeys.remove(old)).acknowledged).toEqual(['a', 'b'])
    const { asked, failed } = await busy.stop()
    expect(asked).toBeGreaterThan(0)
    expect([failed, dead]).toEqual([[], []])

    late.kill('SIGCONT')
    await until(() => stateOf(a) === 'alive' && stateOf(b) === 'alive', 45_000)
    expect([shown(a), shown(b)]).toEqual([only(step.keyId), only(step.keyId)])
  })
})
