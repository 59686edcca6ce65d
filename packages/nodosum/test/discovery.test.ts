import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { LogFields, Logger } from '@nodosum/kernel'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { anyNode, generateGossipKey, type Node, type NodeOptions, nearest } from '../src/index.ts'
import {
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

type Discovery = NodeOptions['discovery']

const gossipKeys = [generateGossipKey()]

/** What a node of profile small is started with. */
async function certified(
  nodeId: string,
  directory: string,
  changes: Partial<NodeOptions> = {},
): Promise<Omit<NodeOptions, 'cluster'>> {
  return {
    listen: { host: '127.0.0.1', port: 0 },
    identity: await certificateFor(nodeId, directory),
    gossipKeys,
    // A node that may be alone is after one round.
    layers: { membership: { joinRetryMs: 100 } },
    join: { timeoutMs: 20_000 },
    ...changes,
  }
}

/** A name server that knows the node by A records and, with its port, by SRV records. */
async function nameServer(port: number): Promise<string> {
  const [listen = 0] = await freePorts(1)
  const names = ['shop.test', 'shop.prod.svc.cluster.test']
  const child = spawn(
    'dnsmasq',
    [
      ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file='],
      ...['--bind-interfaces', '--listen-address=127.0.0.1', `--port=${listen}`, '--local=/test/'],
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ...names.map((name) => `--host-record=${name},127.0.0.1`),
      ...names.map((name) => `--srv-host=_gossip._udp.${name},${name},${port}`),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stderr, 'data')
  return `127.0.0.1:${listen}`
}

/** A Consul that knows the node. */
async function consul(port: number): Promise<string> {
  const server = createServer((request, response) => {
    const isKnown = request.url?.startsWith('/v1/health/service/shop?passing=true') === true
    const found = { Node: { Address: '127.0.0.1' }, Service: { Address: '', Port: port } }
    response.end(JSON.stringify(isKnown ? [found] : []))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function fileWith(port: number): Promise<string> {
  const file = join(scratch(), 'seeds')
  await writeFile(file, `# the first node\n127.0.0.1:${port}\n`)
  return file
}

const sources: readonly [string, (port: number) => Promise<Discovery>][] = [
  ['seeds', async (port) => ({ seeds: [`localhost:${port}`] })],
  ['a function', async (port) => () => [{ host: '127.0.0.1', port }]],
  ['a file', async (port) => ({ file: await fileWith(port) })],
  [
    'A records',
    async (port) => ({ dns: { name: 'shop.test', port, servers: [await nameServer(port)] } }),
  ],
  [
    'SRV records',
    async (port) => ({
      dns: { name: '_gossip._udp.shop.test', servers: [await nameServer(port)] },
    }),
  ],
  [
    'a headless Service of Kubernetes',
    async (port) => ({
      kubernetes: {
        service: 'shop',
        namespace: 'prod',
        portName: 'gossip',
        clusterDomain: 'cluster.test',
        servers: [await nameServer(port)],
      },
    }),
  ],
  ['Consul', async (port) => ({ consul: { service: 'shop', url: await consul(port) } })],
  [
    'the one of several sources that knows it',
    async (port) => ({ file: '/nowhere/seeds', seeds: [`127.0.0.1:${port}`] }),
  ],
]

describe('a node finds a cluster', () => {
  it.each(sources)('by %s', async (_, sourceOf) => {
    const directory = scratch()
    const first = await startNode(await certified('shop-1', directory, { join: { alone: true } }))
    const discovery = await sourceOf(first.address.port)
    const second = await startNode(await certified('shop-2', directory, { discovery }))
    await seeEachOther([first, second])
  })
})

describe('a node that finds nobody', () => {
  it('is told what each of its sources said', async () => {
    const missing = join(scratch(), 'seeds')
    const server = await nameServer(1)
    const error = await rejection(
      await certified('shop-1', scratch(), {
        discovery: {
          seeds: ['127.0.0.1:9'],
          dns: { name: 'nobody.test', servers: [server] },
          file: missing,
        },
        join: { expect: 2, timeoutMs: 2_000 },
      }),
    )
    expect(error.code).toBe('ERR_NODOSUM_JOIN_TIMEOUT')
    expect(error.message).toContain('it waits for 2 founders')
    expect(error.message).toContain('seeds: 1 address from 1 seed')
    expect(error.message).toContain(
      `dns: no address from DNS, A and AAAA of nobody.test at ${server}`,
    )
    expect(error.message).toContain('A nobody.test: the name does not exist (NXDOMAIN)')
    expect(error.message).toContain(`file: no address from ${missing}; the file does not exist`)
  })

  it('warns once about a source that does not work, and says so in its health', async () => {
    const lines: [LogFields, string][] = []
    const logger: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields, message) => void lines.push([fields, message]),
      error: () => undefined,
      child: () => logger,
    }
    const file = join(scratch(), 'seeds')
    const node = await startNode({
      ...(await certified('shop-1', scratch(), {
        discovery: { file },
        join: { alone: true },
        layers: { membership: { joinRetryMs: 100 } },
      })),
      logger,
    })
    const checked = (): string => {
      const check = node.health().checks.find(({ name }) => name === 'membership')
      return `${check?.status}: ${check?.detail}`
    }
    expect(checked()).toBe(
      `degraded: alone: 1 member present; discovery: no address from ${file}; the file does not exist`,
    )
    await writeFile(file, '# nobody yet\n')
    await until(() => checked() === 'ok: alone: 1 member present')
    const warned = lines.filter(([{ event }]) => event === 'discovery.empty')
    expect(warned).toEqual([
      [
        { event: 'discovery.empty', reason: 'notFound' },
        `discovery: no address from ${file}; the file does not exist`,
      ],
    ])
  })

  it('of a cluster that others left is degraded, unless it may be alone', async () => {
    const directory = scratch()
    const [port = 0] = await freePorts(1)
    const expected = {
      discovery: { seeds: [`127.0.0.1:${port}`] },
      join: { expect: 2, timeoutMs: 20_000 },
    }
    const [first, second] = (await Promise.all([
      startNode(
        await certified('shop-1', directory, { ...expected, listen: { host: '127.0.0.1', port } }),
      ),
      startNode(await certified('shop-2', directory, expected)),
    ])) as [Node, Node]
    await seeEachOther([first, second])
    await second.close()
    const membership = (): string | undefined =>
      first.health().checks.find(({ name }) => name === 'membership')?.detail
    await until(() => membership()?.includes('it is alone and looks for the others') === true)
    expect(membership()).toContain('discovery: 1 address from 1 seed')
    expect(first.health().status).toBe('degraded')
  })
})

describe('the option discovery', () => {
  it.each([
    ['nothing in it', {}, 'names no source'],
    ['an unknown source', { seed: ['10.0.0.1'] }, 'seed'],
    ['a wrong seed', { seeds: ['https://x'] }, 'discovery.seeds[0]'],
    ['a wrong name', { dns: '10.0.0.1' }, 'discovery.dns.name'],
    ['no namespace', { kubernetes: { service: 'shop' } }, 'discovery.kubernetes.namespace'],
    ['a wrong URL', { consul: { service: 'shop', url: 'consul' } }, 'discovery.consul.url'],
    ['an unknown key', { consul: { service: 'shop', tokn: 'x' } }, 'tokn'],
  ])('with %s is refused', async (_, discovery, words) => {
    const error = await rejection({ ...(await certified('shop-1', scratch())), discovery })
    expect([error.code, error.message]).toEqual([
      'ERR_NODOSUM_CONFIG_INVALID',
      expect.stringContaining(words),
    ])
  })
})

describe('nearest()', () => {
  it('is this node when it runs the application, else the one with the shortest round trip', async () => {
    const directory = scratch()
    const first = await startNode(await certified('shop-1', directory, { join: { alone: true } }))
    const discovery = { seeds: [`127.0.0.1:${first.address.port}`] }
    const second = await startNode(await certified('shop-2', directory, { discovery }))
    const third = await startNode(await certified('shop-3', directory, { discovery }))
    const nodes = [first, second, third]
    for (const node of [second, third]) node.application('stock').onRequest(() => node.id)
    await seeEachOther(nodes)
    const stock = first.application('stock')
    await until(() => stock.nodes().length === 2)
    expect(['shop-2', 'shop-3']).toContain(await stock.request(nearest(), 1))
    expect(['shop-2', 'shop-3']).toContain(await stock.request(anyNode(), 1))
    for (let count = 0; count < 5; count += 1) {
      expect(await third.application('stock').request(nearest(), 1)).toBe('shop-3')
    }
  })
})
