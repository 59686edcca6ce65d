import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ErrorCode, isNodosumError, type NodosumError, silentLogger } from '@nodosum/kernel'
import { afterAll, onTestFinished } from 'vitest'
import {
  createNode,
  type Environment,
  generateGossipKey,
  type IdentityOptions,
  type Node,
  type NodeOptions,
} from '../src/index.ts'
import { createTestCluster } from '../src/testing/index.ts'
import { certificateFor, cluster, scratch } from './start-nodes.ts'

/** What somebody does wrong, and what Nodosum has to say to it. */
export interface Mistake {
  readonly mistake: string
  readonly code: ErrorCode
  /** What the message says: what is wrong, where, and what to do. */
  readonly says: readonly [wrong: string, remedy: string]
  /** Makes the mistake, and throws or rejects with what the user gets. */
  readonly make: () => unknown
}

export const testKey: string = generateGossipKey()

/** One CA for every node that does nothing wrong with its certificate. */
const authority = mkdtempSync(join(tmpdir(), 'nodosum-mistakes-'))
afterAll(() => rmSync(authority, { recursive: true, force: true }))

/** Certificate, key and CA of a node, from the CA that all nodes here trust. */
export function identityOf(nodeId: string): ReturnType<typeof certificateFor> {
  return certificateFor(nodeId, authority)
}

/** A node that would form a cluster of its own, but for these options. */
export async function start(wrong: object, env?: Environment): Promise<Node> {
  const identity: IdentityOptions = await identityOf('shop-1')
  const options = {
    cluster,
    logger: silentLogger,
    listen: { host: '127.0.0.1', port: 0 },
    join: { alone: true, timeoutMs: 5_000 },
    identity,
    gossipKeys: [testKey],
    ...wrong,
  }
  const node = await createNode(options as NodeOptions, { env })
  onTestFinished(() => node.close())
  return node
}

/** A node whose environment says something wrong. */
export function environment(env: Environment): Promise<Node> {
  return start({}, env)
}

/** A node that would join another one, but for these options. */
export async function joiner(wrong: object): Promise<Node> {
  const first = await start({ nodeId: 'shop-1' })
  return start({
    identity: await identityOf('shop-2'),
    discovery: { seeds: [`127.0.0.1:${first.address.port}`] },
    join: { timeoutMs: 10_000 },
    ...wrong,
  })
}

/** What two nodes in memory answer to a call. */
export async function inMemory(call: (a: Node, b: Node) => Promise<unknown>): Promise<unknown> {
  await using nodes = await createTestCluster({ time: 'virtual', nodes: ['a', 'b'] })
  return await nodes.run(call(nodes.node('a'), nodes.node('b')))
}

/** A file with this content. */
export function file(name: string, content: string): string {
  const path = join(scratch(), name)
  writeFileSync(path, content)
  return path
}

/** The coded error that the user gets. */
export async function refusalOf(make: () => unknown): Promise<NodosumError> {
  try {
    await make()
  } catch (error) {
    if (isNodosumError(error)) return error
    throw new Error('the error has no code', { cause: error })
  }
  throw new Error('nobody objected')
}
