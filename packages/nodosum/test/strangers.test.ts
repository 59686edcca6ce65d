import type { LogFields, Logger } from '@nodosum/kernel'
import { describe, expect, it, vi } from 'vitest'
import { anyNode, generateGossipKey, type Node, type NodeOptions } from '../src/index.ts'
import {
  aliveOf,
  certificateFor,
  freePorts,
  rejection,
  scratch,
  seeEachOther,
  startNode,
  until,
} from './start-nodes.ts'

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
      // Nodes of other runs may knock at a port that was theirs before.
      const heard = /packets from ([^ ]+(?:, [^ ]+)*) do not open with this node's gossip keys/
      expect(heard.exec(error.message)?.[1]?.split(', ')).toContain(seeds[1 - index])
    }
  })
})

describe('a node with the gossip key and a certificate of another CA', () => {
  const gossipKeys = [generateGossipKey()]

  it.each(['a-stranger', 'z-stranger'])(
    'is refused by createNode, as %s, and leaves',
    async (id) => {
      const first = await startNode({ ...(await certified('shop-1', scratch())), gossipKeys })
      const error = await rejection({
        ...(await certified(id, scratch())),
        gossipKeys,
        discovery: { seeds: [at(first)] },
        join: { timeoutMs: 20_000 },
      })
      expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
      expect(error.message).toContain('tried shop-1')
      await until(() => aliveOf(first).join() === 'shop-1')
      expect(first.members().map(({ state }) => state)).not.toContain('failed')
    },
  )

  it('that only one side trusts is refused as well', async () => {
    const [mine, other] = [scratch(), scratch()]
    const first = await startNode({ ...(await certified('shop-1', mine)), gossipKeys })
    const { ca } = await certificateFor('shop-1', mine)
    const stranger = await certificateFor('shop-2', other)
    const error = await rejection({
      ...(await certified('shop-2', other)),
      identity: { ...stranger, ca: `${stranger.ca}${ca}` },
      gossipKeys,
      discovery: { seeds: [at(first)] },
      join: { timeoutMs: 20_000 },
    })
    expect(error.code).toBe('ERR_NODOSUM_CERT_UNTRUSTED')
  })

  it('that others trust is named by health of who does not, and is no candidate there', async () => {
    const [mine, other] = [scratch(), scratch()]
    const [one, two] = [await certificateFor('shop-1', mine), await certificateFor('shop-2', mine)]
    const three = await certificateFor('shop-3', other)
    const both = `${one.ca}${three.ca}`
    const options = { ...(await certified('shop-1', mine)), gossipKeys }
    const first = await startNode({ ...options, identity: { ...one, ca: both } })
    const join = {
      discovery: { seeds: [at(first)] },
      join: { timeoutMs: 20_000 },
    }
    const second = await startNode({ ...options, ...join, identity: two })
    const third = await startNode({ ...options, ...join, identity: { ...three, ca: both } })
    await seeEachOther([first, second, third])
    for (const node of [first, second, third]) node.application('work').onRequest(() => node.id)
    await until(() => first.application('work').nodes().length === 3)
    await until(() => second.health().status === 'degraded')
    const transport = second.health().checks.find(({ name }) => name === 'transport')
    expect(transport?.detail).toContain('shop-3 is not trusted: ERR_NODOSUM_CERT_UNTRUSTED')
    await until(() => second.application('work').nodes().join() === 'shop-1,shop-2')
    for (let call = 0; call < 8; call++) {
      expect(await second.application('work').request(anyNode(), 0)).not.toBe('shop-3')
    }
  })
})

describe('a node that advertises an address at which nobody reaches it', () => {
  it('warns about advertise.host, and is degraded', async () => {
    const directory = scratch()
    const gossipKeys = [generateGossipKey()]
    const { logger, lines } = warnings()
    // Short periods: what takes a minute in production is over in seconds.
    const membership = { probePeriodMs: 200, probeTimeoutMs: 100, watchPeriodMs: 200 }
    const options = { gossipKeys, layers: { membership } }
    const first = await startNode({ ...(await certified('shop-1', directory)), ...options })
    const second = await startNode({
      ...(await certified('shop-2', directory)),
      ...options,
      discovery: { seeds: [at(first)] },
      join: { timeoutMs: 20_000 },
      // All of 127.0.0.0/8 is this machine, and nothing listens there.
      advertise: { host: '127.0.0.9' },
      logger,
    })
    const wrong = (): boolean => lines.some(({ fields }) => fields.event === 'self.suspected')
    await until(wrong, 50_000)
    const text = lines.find(({ fields }) => fields.event === 'self.suspected')?.message
    expect(text).toContain('127.0.0.9')
    expect(text).toContain('check advertise.host')
    const health = second.health().checks.find(({ name }) => name === 'membership')
    expect(health?.status).toBe('degraded')
    expect(health?.detail).toContain('check advertise.host')
    expect(first.health().checks.find(({ name }) => name === 'membership')?.detail).not.toContain(
      'advertise.host',
    )
  })
})
