import type { LogFields, Logger } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { generateGossipKey, type Node, type NodeOptions } from '../src/index.ts'
import { certificateFor, freePorts, rejection, scratch, startNode } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

interface Line {
  readonly fields: LogFields
  readonly message: string
}

/** A logger that keeps the warnings. */
function warnings(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields, message) => void lines.push({ fields, message }),
    error: () => undefined,
    child: () => logger,
  }
  return { logger, lines }
}

/** What a node of profile small is started with. */
async function certified(
  nodeId: string,
  directory: string,
  changes: Partial<NodeOptions> = {},
): Promise<Omit<NodeOptions, 'cluster'> & { gossipKeys: readonly string[] }> {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    join: { alone: true, timeoutMs: 10_000 },
    identity: await certificateFor(nodeId, directory, { cluster: changes.cluster }),
    gossipKeys: [generateGossipKey()],
    ...changes,
  }
}

const at = (node: Node): string => `127.0.0.1:${node.address.port}`

describe('a stranger leaves a trace', () => {
  it('with another gossip key: a warning that names it, a counter, and what the joiner is told', async () => {
    const directory = scratch()
    const { logger, lines } = warnings()
    const first = await startNode({ ...(await certified('shop-1', directory)), logger })
    const error = await rejection({
      ...(await certified('shop-2', directory)),
      discovery: { seeds: [at(first)] },
      join: { timeoutMs: 1_500 },
    })
    expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
    expect(error.message).toContain('other gossipKeys')
    expect(first.metrics().gossip.refused.unknownKey).toBeGreaterThan(0)
    const refused = lines.filter(({ fields }) => fields.event === 'packet.refused')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.message).toMatch(/^packets from 127\.0\.0\.1:\d+ do not open with this node/)
  })

  it('of another cluster with the same key: it is called that', async () => {
    const directory = scratch()
    const { logger, lines } = warnings()
    const options = await certified('shop-1', directory)
    const first = await startNode({ ...options, logger })
    await rejection({
      ...(await certified('shop-2', directory, { cluster: 'other' })),
      gossipKeys: options.gossipKeys,
      discovery: { seeds: [at(first)] },
      join: { timeoutMs: 1_500 },
    })
    expect(first.metrics().gossip.refused.forged).toBeGreaterThan(0)
    expect(lines.map(({ message }) => message).join()).toContain('belong to another cluster')
  })

  it('that is heard by the joiner: its JOIN_TIMEOUT says so', async () => {
    const directory = scratch()
    // Each is a seed of the other, as founders are.
    const ports = await freePorts(2)
    const seeds = ports.map((port) => `127.0.0.1:${port}`)
    const founder = async (index: number): Promise<object> => ({
      ...(await certified(`shop-${index}`, directory)),
      listen: { host: '127.0.0.1', port: ports[index] },
      discovery: { seeds },
      join: { expect: 2, timeoutMs: 4_000 },
    })
    const errors = await Promise.all([rejection(await founder(0)), rejection(await founder(1))])
    for (const [index, error] of errors.entries()) {
      expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
      const heard = `packets from ${seeds[1 - index]} do not open with this node's gossip keys`
      expect(error.message).toContain(heard)
    }
  })
})
