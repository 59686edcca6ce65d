import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { generateGossipKey, type Node, type NodeOptions } from '../src/index.ts'
import { ready, startMember } from './member-process.ts'
import { certificateFor, cluster, scratch, seeEachOther, startNode, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Pool = NonNullable<NonNullable<NodeOptions['layers']>['pool']>

/** Two nodes of profile development that run `work`, connected. */
async function pair(
  options: Partial<NodeOptions> = {},
  pool: Pool = {},
): Promise<[a: Node, b: Node]> {
  const developmentDirectory = scratch()
  const start = (nodeId: string): Promise<Node> =>
    startNode({
      nodeId,
      profile: 'development',
      developmentDirectory,
      layers: { pool },
      ...options,
    })
  const nodes = [await start('a'), await start('b')] as [Node, Node]
  for (const node of nodes) node.application('work').onRequest((payload) => payload)
  await seeEachOther(nodes)
  await until(() => nodes.every((node) => node.application('work').nodes().length === 2))
  return nodes
}

const kinds = (node: Node): string[] => connections(node).map(({ kind }) => kind)

function connections(node: Node): ReturnType<Node['metrics']>['connections']['connections'] {
  return node.metrics().connections.connections
}

function transportHealth(node: Node): { status: string; detail: string } | undefined {
  return node.health().checks.find(({ name }) => name === 'transport')
}

describe('the transport of a node', () => {
  it('is QUIC by default; HTTP/2 listens on TCP of the same number, and members know both', async () => {
    const [a, b] = await pair()
    expect(await a.application('work').request('b', 'tea')).toBe('tea')
    expect([kinds(a), kinds(b)]).toEqual([['quic'], ['quic']])
    const { transports } = a.metrics().connections
    expect(transports.map(({ kind, listening }) => [kind, listening?.port])).toEqual([
      ['quic', a.address.port],
      ['h2', a.address.port],
    ])
    const record = b.members().find(({ nodeId }) => nodeId === 'a')
    expect(record?.addresses).toMatchObject([{ udpPort: a.address.port, tcpPort: a.address.port }])
    expect(transportHealth(a)).toMatchObject({ status: 'ok' })
  })

  it('is HTTP/2 when that is asked for', async () => {
    const [a, b] = await pair({ transport: 'h2' })
    expect(await a.application('work').request('b', 'tea')).toBe('tea')
    expect(await b.application('work').request('a', 'tea')).toBe('tea')
    expect([kinds(a), kinds(b)]).toEqual([['h2'], ['h2']])
    expect(transportHealth(a)).toMatchObject({ status: 'ok' })
  })

  it('is shared by all applications of both nodes, in both directions', async () => {
    const [a, b] = await pair()
    for (const id of ['one', 'two', 'three']) {
      a.application(id).onRequest((payload) => payload)
      b.application(id).onRequest((payload) => payload)
    }
    await until(() => [a, b].every((node) => node.application('three').nodes().length === 2))
    const replies = ['one', 'two', 'three'].flatMap((id) => [
      a.application(id).request('b', id),
      b.application(id).request('a', id),
    ])
    expect(await Promise.all(replies)).toEqual(['one', 'one', 'two', 'two', 'three', 'three'])
    expect([connections(a).length, connections(b).length]).toEqual([1, 1])
  })

  it('cannot listen when TCP of the same number is taken, and says so', async () => {
    const first = await startNode({
      nodeId: 'a',
      profile: 'development',
      developmentDirectory: scratch(),
    })
    const { port } = first.address
    await first.close()
    const holder = createServer().listen(port, '127.0.0.1')
    await new Promise((resolve) => holder.once('listening', resolve))
    onTestFinished(() => void holder.close())
    const listen = { host: '127.0.0.1', port }
    const developmentDirectory = scratch()
    await expect(
      startNode({ nodeId: 'a', profile: 'development', developmentDirectory, listen }),
    ).rejects.toMatchObject({ code: 'ERR_NODOSUM_LISTEN_FAILED' })
  })
})

describe('a machine without the QUIC binding', () => {
  it('runs a node over HTTP/2, which says so, and so does who wanted QUIC', async () => {
    const developmentDirectory = scratch()
    const shared = { cluster, profile: 'development', developmentDirectory } as const
    const a = await startNode({ nodeId: 'a', ...shared })
    const other = startMember({ ...shared, nodeId: 'b' }, 'without-quic.ts')
    await ready(other)
    expect(other.facts).toContainEqual({
      warning: 'transport.unavailable',
      message: expect.stringMatching(/this node uses HTTP\/2 only: .*no binary of @matrixai/),
    })
    a.application('work').onRequest((payload) => payload)
    await until(() => a.application('work').nodes().length === 2)
    expect(await a.application('work').request('b', 'tea', { timeoutMs: 20_000 })).toMatchObject({
      payload: 'tea',
      transport: {
        status: 'ok',
        detail: expect.stringContaining('HTTP/2 only, QUIC is not available'),
      },
    })
    expect(kinds(a)).toEqual(['h2'])
    expect(a.metrics().connections.counters.fellBack).toBeGreaterThan(0)
    expect(transportHealth(a)).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('over HTTP/2 because QUIC did not answer: b'),
    })
  })

  it('runs no node that insists on QUIC', async () => {
    const options = {
      cluster,
      nodeId: 'a',
      profile: 'development',
      developmentDirectory: scratch(),
      transport: 'quic',
    }
    const member = startMember(options, 'without-quic.ts')
    await until(() => member.facts.length > 0)
    expect(member.facts).toEqual([{ rejected: 'ERR_NODOSUM_TRANSPORT_UNAVAILABLE' }])
    expect(await member.ended).toBe('exit 0')
  })
})

describe('a node with as many connections as it may have', () => {
  for (const transport of ['quic', 'h2'] as const) {
    it(`turns others away with a code while it needs them, and takes them later: ${transport}`, async () => {
      const developmentDirectory = scratch()
      const start = (nodeId: string, pool: Pool = {}): Promise<Node> =>
        startNode({
          nodeId,
          profile: 'development',
          developmentDirectory,
          transport,
          layers: { pool: { backoffBaseMs: 50, backoffMaxMs: 100, ...pool } },
        })
      const a = await start('a', { connectionsMax: 1 })
      const b = await start('b')
      let release: () => void = () => undefined
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      const work = a.application('work').onRequest(() => held)
      await until(() => b.application('work').nodes().length === 1)
      // One connection is all that a takes, and the two may have dialed each other.
      await until(() => [a, b].every((node) => node.metrics().sessions === 1))
      const busy = b.application('work').request('a', 1, { timeoutMs: 60_000 })
      busy.catch(() => undefined)
      await until(() => a.metrics().applications.work?.received === 1)
      const c = await start('c')
      await until(() => c.application('work').nodes().length === 1)
      const refused = c.application('work').request('a', 2, { timeoutMs: 1_500 })
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_NODOSUM_LIMIT_CONNECTIONS',
        retryable: true,
      })
      expect(c.metrics().connections.breakers).toMatchObject([
        { peer: 'a', lastError: 'ERR_NODOSUM_LIMIT_CONNECTIONS' },
      ])
      expect(transportHealth(c)?.detail).toContain('a (ERR_NODOSUM_LIMIT_CONNECTIONS)')
      expect(connections(a).map(({ peer }) => peer)).toEqual(['b'])
      release()
      await busy
      expect(work.nodes()).toEqual(['a'])
      // Turned away once more, for which an idle connection closes; then there is room.
      for (let isIn = false; !isIn; ) {
        isIn = await c
          .application('work')
          .request('a', 3, { timeoutMs: 10_000 })
          .then(
            () => true,
            (error: { code: string }) => {
              expect(error.code).toBe('ERR_NODOSUM_LIMIT_CONNECTIONS')
              return false
            },
          )
      }
      expect(connections(a).map(({ peer }) => peer)).toEqual(['c'])
      expect(a.metrics().connections.counters.closedForRoom).toBeGreaterThan(0)
    })
  }
})

describe('a connection whose other end stands still', () => {
  for (const transport of ['quic', 'h2'] as const) {
    it(`is given up for another one, long before it is silent for too long: ${transport}`, async () => {
      const developmentDirectory = scratch()
      const shared = { cluster, profile: 'development', developmentDirectory, transport } as const
      const pool = { pingMs: 100, sweepMs: 50, stallTimeoutMs: 1_000 }
      const a = await startNode({ nodeId: 'a', ...shared, layers: { pool } })
      const other = startMember({ nodeId: 'b', ...shared })
      await ready(other)
      await until(() => a.application('work').nodes().length === 1)
      expect(await a.application('work').request('b', 1)).toBe(1)
      await until(() => (connections(a)[0]?.pings.answered ?? 0) > 0)
      other.kill('SIGSTOP')
      await until(() => a.metrics().connections.counters.stalled > 0)
      other.kill('SIGCONT')
      const reply = a.application('work').request('b', 2, { timeoutMs: 30_000, idempotent: true })
      expect(await reply).toBe(2)
      await until(() => connections(a).length === 1)
      expect(connections(a)[0]?.pings.unanswered).toBe(0)
    })
  }
})

describe('an idle connection', () => {
  it('closes, and the next message opens one again', async () => {
    const [a, b] = await pair({}, { idleTimeoutMs: 1_000, sweepMs: 50 })
    const work = a.application('work')
    expect(await work.request('b', 1)).toBe(1)
    for (let round = 2; round < 4; round++) {
      await until(() => [a, b].every((node) => node.metrics().sessions === 0))
      await until(() => [a, b].every((node) => connections(node).length === 0))
      expect([a.health().status, b.health().status]).toEqual(['ok', 'ok'])
      const sender = round % 2 === 0 ? a : b
      const target = round % 2 === 0 ? 'b' : 'a'
      expect(await sender.application('work').request(target, round)).toBe(round)
    }
    const closed = [a, b].map((node) => node.metrics().connections.counters.closedIdle)
    expect(closed.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(2)
  })
})

describe('reloaded certificates', () => {
  /** Two nodes with certificates in files. */
  async function withFiles(transport: 'auto' | 'quic' | 'h2' = 'auto'): Promise<{
    a: Node
    b: Node
    renew: (nodeId: string) => Promise<string>
  }> {
    const directory = scratch()
    const files = (nodeId: string): [string, string, string] => [
      join(directory, `${nodeId}.pem`),
      join(directory, `${nodeId}-key.pem`),
      join(directory, `${nodeId}-ca.pem`),
    ]
    const renew = async (nodeId: string): Promise<string> => {
      const { certificate, key, ca } = await certificateFor(nodeId, directory)
      const [certificateFile, keyFile, caFile] = files(nodeId)
      writeFileSync(certificateFile, certificate)
      writeFileSync(keyFile, key)
      writeFileSync(caFile, ca)
      return certificateFile
    }
    const gossipKeys = [generateGossipKey()]
    const start = async (nodeId: string, seeds: string[]): Promise<Node> => {
      await renew(nodeId)
      const [certificateFile, keyFile, caFile] = files(nodeId)
      return await startNode({
        nodeId,
        listen: { host: '127.0.0.1', port: 0 },
        join: { alone: seeds.length === 0, timeoutMs: 20_000 },
        discovery: { seeds },
        identity: { certificateFile, keyFile, caFile },
        gossipKeys,
        transport,
        layers: { pool: { sweepMs: 20, replaceRetryMs: 20 } },
      })
    }
    const a = await start('a', [])
    const b = await start('b', [`127.0.0.1:${a.address.port}`])
    for (const node of [a, b]) node.application('work').onMessage(() => undefined)
    await seeEachOther([a, b])
    await until(() => [a, b].every((node) => node.application('work').nodes().length === 2))
    return { a, b, renew }
  }

  const fingerprints = (node: Node): (string | undefined)[] =>
    node
      .metrics()
      .connections.transports.flatMap((transport) => transport.connections)
      .map(({ peer }) => peer?.fingerprint)

  it.each(['quic', 'h2'] as const)(
    'reach every connection without a lost message, reloaded by both ends at once, while messages go both ways: %s',
    async (transport) => {
      const { a, b, renew } = await withFiles(transport)
      await a.application('work').send('b', 0, { confirm: 'handled' })
      const before = [...fingerprints(a), ...fingerprints(b)]
      let isOver = false
      const sent = { a: 0, b: 0 }
      const keepSending = async (from: Node, to: 'a' | 'b'): Promise<void> => {
        while (!isOver) {
          await from.application('work').send(to, sent[to], { confirm: 'handled' })
          sent[to] += 1
        }
      }
      const sending = Promise.all([keepSending(a, 'b'), keepSending(b, 'a')])
      for (let reload = 1; reload <= 4; reload++) {
        await Promise.all([renew('a'), renew('b')])
        await Promise.all([a.reloadCertificates(), b.reloadCertificates()])
        const { a: toA, b: toB } = { ...sent }
        await until(
          () =>
            [a, b].every((node) => {
              const all = connections(node)
              return all.length === 1 && all.every(({ credentials }) => credentials >= reload)
            }) &&
            sent.a > toA + 20 &&
            sent.b > toB + 20,
        )
        const now = [...fingerprints(a), ...fingerprints(b)]
        expect(now.filter((fingerprint) => before.includes(fingerprint))).toEqual([])
        before.push(...now)
      }
      isOver = true
      await sending
      for (const node of [a, b]) {
        const { accepted, delivered, unknown } = node.metrics().applications.work ?? {}
        expect([unknown, delivered]).toEqual([0, accepted])
      }
      const counters = [a, b].map((node) => node.metrics().connections.counters)
      // One end replaces, always the same.
      const replaced = counters.map((each) => each.replaced)
      expect(Math.max(...replaced)).toBeGreaterThanOrEqual(4)
      expect(Math.min(...replaced)).toBe(0)
      expect(new Set([...kinds(a), ...kinds(b)])).toEqual(new Set([transport]))
    },
  )

  it('are presented by the end that has dialed and by the end that has accepted', async () => {
    const { a, b, renew } = await withFiles('h2')
    await a.application('work').send('b', 0, { confirm: 'handled' })
    const before = [...fingerprints(a), ...fingerprints(b)]
    // One after the other: each end presents its own, and the other sees it.
    for (const [node, id, other] of [
      [a, 'a', b],
      [b, 'b', a],
    ] as const) {
      await renew(id)
      await node.reloadCertificates()
      await until(() => {
        const now = fingerprints(other)
        return now.length === 1 && now.every((fingerprint) => !before.includes(fingerprint))
      })
    }
    await b.application('work').send('a', 1, { confirm: 'handled' })
    expect(kinds(a)).toEqual(['h2'])
  })

  it('that cannot be used are refused and change nothing', async () => {
    const { a, b, renew } = await withFiles()
    const file = await renew('a')
    writeFileSync(file, 'no certificate')
    await expect(a.reloadCertificates()).rejects.toMatchObject({
      code: 'ERR_NODOSUM_CONFIG_INVALID',
    })
    const stranger = await certificateFor('c', scratch())
    await expect(a.reloadCertificates(stranger)).rejects.toMatchObject({
      code: 'ERR_NODOSUM_IDENTITY_MISMATCH',
    })
    expect(a.metrics().connections.counters.credentialsReloaded).toBe(0)
    await b.application('work').send('a', 1, { confirm: 'handled' })
  })

  it('are shown in the health of the node', async () => {
    const { a } = await withFiles()
    const day = 86_400_000
    const shorter = await certificateFor('a', scratch(), { wallMs: Date.now() - 6.5 * day })
    await a.reloadCertificates(shorter)
    const check = a.health().checks.find(({ name }) => name === 'certificate')
    expect(check?.status).toBe('degraded')
    await a.close()
    await expect(a.reloadCertificates(shorter)).rejects.toMatchObject({
      code: 'ERR_NODOSUM_SHUT_DOWN',
    })
  })
})
