import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  isNodosumError,
  type NodosumError,
  parseClusterName,
  parseNodeId,
  silentLogger,
} from '@nodosum/kernel'
import { developmentIdentity } from '@nodosum/security'
import { onTestFinished, vi } from 'vitest'
import { createNode, type IdentityOptions, type Node, type NodeOptions } from '../src/index.ts'

export const cluster = 'test'

/** A directory that is gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Starts a node that the end of the test closes. */
export async function startNode(options: Omit<NodeOptions, 'cluster'>): Promise<Node> {
  const node = await createNode({ cluster, logger: silentLogger, ...options })
  onTestFinished(() => node.close())
  return node
}

/** What createNode rejects with. */
export async function rejection(options: object): Promise<NodosumError> {
  const started = createNode({ cluster, logger: silentLogger, ...options } as NodeOptions)
  const outcome = await started.then(
    (node) => node.close().then(() => 'it started'),
    (error: unknown) => error,
  )
  if (!isNodosumError(outcome)) throw new Error(`no coded error: ${outcome}`)
  return outcome
}

/** Nodes of profile development with these ids, once all of them see each other. */
export async function startDevelopment(...nodeIds: readonly string[]): Promise<Node[]> {
  const developmentDirectory = scratch()
  const nodes = await Promise.all(
    nodeIds.map((nodeId) => startNode({ nodeId, profile: 'development', developmentDirectory })),
  )
  await seeEachOther(nodes)
  return nodes
}

export function aliveOf(node: Node): string[] {
  const alive = node.members().filter(({ state }) => state === 'alive')
  return alive.map(({ nodeId }) => nodeId).sort()
}

export async function seeEachOther(nodes: readonly Node[]): Promise<void> {
  const ids = nodes.map(({ id }) => id).sort()
  await until(() => nodes.every((node) => aliveOf(node).join() === ids.join()))
}

export async function until(condition: () => boolean, timeout = 20_000): Promise<void> {
  await vi.waitUntil(condition, { timeout, interval: 10 })
}

/** A certificate for a node, from a CA that lives in the directory. */
export async function certificateFor(
  nodeId: string,
  directory: string,
  changes: { cluster?: string | undefined; wallMs?: number } = {},
): Promise<IdentityOptions & { certificate: string; key: string; ca: string }> {
  const identity = await developmentIdentity({
    directory: join(directory, 'authority'),
    cluster: parseClusterName(changes.cluster ?? cluster),
    nodeId: parseNodeId(nodeId),
    wallMs: changes.wallMs ?? Date.now(),
  })
  return { certificate: identity.certificatePem, key: identity.keyPem, ca: identity.caPem }
}

/** UDP ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'listening')))
  const ports = sockets.map((socket) => socket.address().port)
  for (const socket of sockets) socket.close()
  return ports
}
