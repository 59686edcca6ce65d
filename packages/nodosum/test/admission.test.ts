import { isNodosumError, type LogFields, type Logger, silentLogger } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { type Admit, generateGossipKey, type Node, type NodeOptions } from '../src/index.ts'
import {
  aliveOf,
  certificateFor,
  rejection,
  scratch,
  seeEachOther,
  startNode,
  until,
} from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Plan = Omit<NodeOptions, 'cluster'>

const withoutB: Admit = ({ nodeId }) => (nodeId === 'b' ? 'b is banned' : null)
const at = (node: Node): string => `127.0.0.1:${node.address.port}`

/** Options of nodes of one cluster. */
async function planner(): Promise<(nodeId: string, more?: Plan) => Promise<Plan>> {
  const directory = scratch()
  const gossipKeys = [generateGossipKey()]
  return async (nodeId, more = {}) => ({
    listen: { host: '127.0.0.1', port: 0 },
    identity: await certificateFor(nodeId, directory),
    gossipKeys,
    ...more,
  })
}

/** The codes of an error and of what led to it. */
function codesOf(error: unknown): string[] {
  return isNodosumError(error) ? [error.code, ...codesOf(error.cause)] : []
}

describe('a node that a member does not admit', () => {
  it.each(['quic', 'h2'] as const)(
    'is no member there and gets no connection over %s, and both ends say why',
    async (transport) => {
      const plan = await planner()
      const open = await startNode(await plan('z', { join: { alone: true } }))
      const discovery = { seeds: [at(open)] }
      const guarded = await startNode(await plan('m', { discovery, admit: withoutB, transport }))
      await seeEachOther([open, guarded])
      // z takes it in, so m hears of it as well, and it hears of m.
      const banned = await startNode(await plan('b', { discovery, transport }))
      await until(() => aliveOf(open).join() === 'b,m,z')
      banned.application('work').onRequest(() => 1)
      guarded.application('work').onRequest(() => 1)
      await until(() => open.application('work').nodes().length === 2)

      const detail = (): string =>
        banned.health().checks.find(({ name }) => name === 'transport')?.detail ?? ''
      await until(() => detail().includes('m does not trust this node: ERR_NODOSUM_JOIN_REFUSED'))
      const error = await banned
        .application('work')
        .request('m', 1, { timeoutMs: 3_000 })
        .catch((caught: unknown) => caught)
      expect(codesOf(error)).toContain('ERR_NODOSUM_JOIN_REFUSED')
      const back = await guarded
        .application('work')
        .request('b', 1, { timeoutMs: 3_000 })
        .catch((caught: unknown) => caught)
      expect(codesOf(back)).not.toEqual([])
      expect(guarded.members().map(({ nodeId }) => nodeId)).toEqual(['m', 'z'])
      await until(() => !guarded.metrics().connections.connections.some(({ peer }) => peer === 'b'))
      expect(await open.application('work').request('b', 1)).toBe(1)
      expect(await open.application('work').request('m', 1)).toBe(1)
    },
  )

  it('is refused by createNode when nobody else is there, with the reason', async () => {
    const plan = await planner()
    const guarded = await startNode(await plan('m', { join: { alone: true }, admit: withoutB }))
    const error = await rejection(await plan('b', { discovery: { seeds: [at(guarded)] } }))
    expect(error.code).toBe('ERR_NODOSUM_JOIN_REFUSED')
    expect(error.message).toContain('b is banned')
  })

  it('because the check of it throws is outside as well, and the log says so', async () => {
    const plan = await planner()
    const lines: LogFields[] = []
    const logger: Logger = {
      ...silentLogger,
      error: (fields) => void lines.push(fields),
      child: () => logger,
    }
    const admit = (): never => {
      throw new Error('no answer')
    }
    const guarded = await startNode(await plan('m', { join: { alone: true }, admit, logger }))
    const error = await rejection(await plan('b', { discovery: { seeds: [at(guarded)] } }))
    expect(error.code).toBe('ERR_NODOSUM_JOIN_REFUSED')
    expect(error.message).toContain('the check of this node failed')
    expect(lines[0]).toMatchObject({ event: 'admission.failed', peer_id: 'b' })
  })

  it('is judged by what it says of itself, such as its tags', async () => {
    const plan = await planner()
    const admit: Admit = ({ tags }) => (tags.zone === 'north' ? null : `zone ${tags.zone}`)
    const guarded = await startNode(await plan('m', { join: { alone: true }, admit }))
    const discovery = { seeds: [at(guarded)] }
    const error = await rejection(await plan('b', { discovery, tags: { zone: 'south' } }))
    expect(error.message).toContain('zone south')
    const other = await startNode(await plan('c', { discovery, tags: { zone: 'north' } }))
    await seeEachOther([guarded, other])
    other.application('work').onRequest(() => 1)
    await until(() => guarded.application('work').nodes().length === 1)
    expect(await guarded.application('work').request('c', 1)).toBe(1)
  })
})
