import { isNodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { anyNode, type Node } from '../../src/index.ts'
import { createTestCluster, type TestClusterOptions } from '../../src/testing/index.ts'

/** A module that keeps what it is sent and answers what it is asked. */
const shelves = {
  applications: (node: Node): void => {
    node
      .application('shelf')
      .onMessage(() => undefined)
      .onRequest((sku) => `${node.id} has ${String(sku)}`)
  },
} satisfies TestClusterOptions

/** How many connections a node has dialed. */
function dialsOf(node: Node): number {
  return node.metrics().connections.counters.dialed
}

/** In virtual time hours cost nothing; in real time the same goes on, a little slower. */
const times = ['virtual', 'real'] as const

describe.each(times)('a test cluster in %s time', (time) => {
  it('starts nodes that see each other and talk', async () => {
    await using cluster = await createTestCluster({ ...shelves, time })
    const [first] = cluster.nodes as [Node]
    expect(cluster.nodes.map(({ id }) => id)).toEqual(['node-1', 'node-2', 'node-3'])
    for (const node of cluster.nodes) {
      const alive = node.members().filter(({ state }) => state === 'alive')
      expect(alive.map(({ nodeId }) => nodeId).sort()).toEqual(cluster.ids)
    }
    const reply = first.application('shelf').request('node-2', 'tea')
    expect(await cluster.run(reply)).toBe('node-2 has tea')
    expect(cluster.deliveries).toMatchObject([
      { application: 'shelf', kind: 'request', from: 'node-1', to: 'node-2', payload: 'tea' },
    ])
  })

  it('kills a node without a goodbye: the others find out, and its callers are told', async () => {
    await using cluster = await createTestCluster({ ...shelves, time })
    const [first, second] = cluster.nodes as [Node, Node]
    const states: string[] = []
    first.on('member', ({ kind, member }) => {
      if (member.nodeId === 'node-2') states.push(kind)
    })
    const unanswered = second
      .application('shelf')
      .request('node-3', 'tea')
      .catch((error: unknown) => error)
    await cluster.kill('node-2')
    expect(isNodosumError(await cluster.run(unanswered))).toBe(true)
    expect(() => cluster.node('node-2')).toThrow("restart('node-2')")
    await cluster.converge()
    expect(states).toEqual(['suspect', 'failed'])
    expect(await second.closed).toMatchObject({ kind: 'failed' })
  })

  it('restarts a node as another process with its handlers', async () => {
    await using cluster = await createTestCluster({ ...shelves, time, nodes: ['a', 'b'] })
    const before = cluster.node('b').bootId
    await cluster.kill('b')
    const restarted = await cluster.restart('b')
    expect(restarted.bootId).not.toBe(before)
    await cluster.converge()
    const reply = cluster.node('a').application('shelf').request('b', 'tea')
    expect(await cluster.run(reply)).toBe('b has tea')
  })

  it('cuts the network in two and heals it', async () => {
    await using cluster = await createTestCluster({ ...shelves, time })
    cluster.partition(['node-1'], ['node-2', 'node-3'])
    await cluster.converge()
    const states = (id: string): string[] =>
      cluster
        .node(id)
        .members()
        .map(({ nodeId, state }) => `${nodeId} ${state}`)
        .sort()
    expect(states('node-1')).toEqual(['node-1 alive', 'node-2 failed', 'node-3 failed'])
    expect(states('node-3')).toEqual(['node-1 failed', 'node-2 alive', 'node-3 alive'])
    cluster.heal()
    await cluster.converge()
    expect(states('node-1')).toEqual(['node-1 alive', 'node-2 alive', 'node-3 alive'])
    const reply = cluster.node('node-1').application('shelf').request('node-3', 'tea')
    expect(await cluster.run(reply)).toBe('node-3 has tea')
  })

  it('lets a process stand still, and what was sent meanwhile arrives when it goes on', async () => {
    await using cluster = await createTestCluster({ ...shelves, time, nodes: ['a', 'b'] })
    const shelf = cluster.node('a').application('shelf')
    await cluster.run(shelf.send('b', 'first', { confirm: 'handled' }))
    cluster.pause('b')
    await cluster.run(shelf.send('b', 'second'))
    await cluster.advance(300)
    expect(cluster.deliveries.map(({ payload }) => payload)).toEqual(['first'])
    cluster.resume('b')
    await cluster.expectDelivered('shelf', { to: 'b', payload: 'second' })
  })

  it('says what was lost, from what the modules were told', async () => {
    await using cluster = await createTestCluster({ ...shelves, time, nodes: ['a', 'b'] })
    const shelf = cluster.node('a').application('shelf')
    for (let number = 0; number < 20; number += 1) await cluster.run(shelf.send('b', { number }))
    await cluster.run(shelf.send(anyNode(), 'any'))
    await cluster.run(shelf.broadcast('all'))
    const account = await cluster.expectNothingLost()
    expect(account).toMatchObject({ accepted: 22, delivered: 22, lost: [], duplicated: [] })
    await cluster.expectDelivered('shelf', { where: ({ to }) => to === 'b', payload: 'all' })
  })

  it('breaks connections, and loses nothing of what is on its way', async () => {
    await using cluster = await createTestCluster({ ...shelves, time, nodes: ['a', 'b'] })
    const shelf = cluster.node('a').application('shelf')
    await cluster.run(shelf.send('b', 'first', { confirm: 'handled' }))
    cluster.setNetwork({ duplication: 0.2, reordering: 0.2 })
    const dialed = () => cluster.nodes.reduce((sum, one) => sum + dialsOf(one), 0)
    const before = dialed()
    for (let number = 0; number < 20; number += 1) await cluster.run(shelf.send('b', number))
    cluster.breakConnections()
    const reply = cluster.node('b').application('shelf').request('a', 'tea')
    expect(await cluster.run(reply)).toBe('a has tea')
    const account = await cluster.expectNothingLost()
    expect(account).toMatchObject({ accepted: 21, delivered: 21, undelivered: 0 })
    expect(dialed()).toBeGreaterThan(before)
  })

  it('drains a node while the others go on', async () => {
    await using cluster = await createTestCluster({ ...shelves, time })
    const report = await cluster.run(cluster.node('node-2').drain())
    expect(report).toMatchObject({ complete: true, inFlightAtEnd: 0 })
    const refused = cluster.node('node-1').application('shelf').request('node-2', 'tea', {
      timeoutMs: 200,
    })
    await expect(cluster.run(refused)).rejects.toMatchObject({
      code: 'ERR_NODOSUM_PEER_DRAINING',
    })
    await cluster.run(cluster.node('node-2').close())
    await cluster.converge()
  })
})

describe('a test cluster in virtual time', () => {
  async function story(seed: number): Promise<{ hash: string; deliveries: unknown }> {
    const network = { delayMs: 5, jitterMs: 20, loss: 0.05 }
    await using cluster = await createTestCluster({ ...shelves, time: 'virtual', seed, network })
    const shelf = cluster.node('node-1').application('shelf')
    for (let number = 0; number < 10; number += 1) {
      await cluster.run(shelf.send(anyNode(), number))
    }
    await cluster.kill('node-3')
    await cluster.restart('node-3')
    await cluster.converge()
    const deliveries = cluster.deliveries.map(({ to, payload, messageId }) => [
      to,
      payload,
      messageId,
    ])
    return { hash: cluster.traceHash, deliveries }
  }

  it('repeats a run for its seed, packet for packet, and no other', async () => {
    const [first, again, other] = [await story(7), await story(7), await story(8)]
    expect(again).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
  })

  it('goes through an hour in which nothing happens', async () => {
    await using cluster = await createTestCluster({ time: 'virtual', nodes: 2 })
    const [first] = cluster.nodes as [Node]
    const before = cluster.nowMs()
    await cluster.advance(3_600_000)
    expect(cluster.nowMs() - before).toBe(3_600_000)
    expect(first.health().status).toBe('ok')
    await cluster.converge()
  })

  it('never goes back, whoever lets it pass beside whom', async () => {
    await using cluster = await createTestCluster({ time: 'virtual', nodes: 1 })
    const before = cluster.nowMs()
    const reached: number[] = []
    const passes = [5, 500, 50].map(async (ms) => {
      await cluster.advance(ms)
      reached.push(cluster.nowMs())
    })
    await Promise.all(passes)
    expect(reached.toSorted((a, b) => a - b)).toEqual(reached)
    expect(cluster.nowMs() - before).toBeGreaterThanOrEqual(500)
  })

  it('is what modules wait in that are given its timers', async () => {
    await using cluster = await createTestCluster({ time: 'virtual', nodes: 1 })
    const [node] = cluster.nodes as [Node]
    const { scheduler } = cluster
    const slow = node.application('slow').onRequest(async () => {
      await new Promise<void>((resolve) => void scheduler.after(3_000, resolve))
      return scheduler.nowMs()
    })
    const askedMs = cluster.nowMs()
    const answeredMs = await cluster.run(slow.request(node.id, null))
    expect(Number(answeredMs) - askedMs).toBeGreaterThanOrEqual(3_000)
  })

  it('has the times of production: a kill is known after seconds, not at once', async () => {
    await using cluster = await createTestCluster({ time: 'virtual' })
    await cluster.kill('node-3')
    const killedMs = cluster.nowMs()
    await cluster.converge()
    const tookMs = cluster.nowMs() - killedMs
    expect(tookMs).toBeGreaterThan(3_500)
    expect(tookMs).toBeLessThan(15_000)
  })
})

describe('what a test cluster says', () => {
  it('of options that are wrong: all problems, with path and suggestion', async () => {
    const wrong = { node: 3, time: 'fast', timeoutMs: '30s' } as unknown as TestClusterOptions
    const error = await createTestCluster(wrong).catch((reason: unknown) => reason)
    if (!isNodosumError(error)) throw new Error(`no coded error: ${String(error)}`)
    expect(error.code).toBe('ERR_NODOSUM_CONFIG_INVALID')
    for (const words of ["'nodes'", 'time', 'timeoutMs']) expect(error.message).toContain(words)
  })

  it('of a delivery that does not come: what came instead, and the seed', async () => {
    await using cluster = await createTestCluster({ ...shelves, time: 'virtual', seed: 42 })
    await cluster.run(cluster.node('node-1').application('shelf').send('node-2', 'tea'))
    const missing = cluster.expectDelivered('shelf', { payload: 'coffee', withinMs: 100 })
    await expect(missing).rejects.toThrow(
      /shelf was to be delivered 1 times payload 'coffee', and was 0 times[\s\S]*node-1 > node-2 \(default\): 'tea'[\s\S]*seed 42/,
    )
    const tooOften = cluster.expectDelivered('shelf', { payload: 'tea', times: 0, withinMs: 100 })
    await expect(tooOften).rejects.toThrow('and was 1 times')
  })

  it('of views that do not become the same: who sees what', async () => {
    await using cluster = await createTestCluster({ time: 'virtual', nodes: ['a', 'b'] })
    cluster.partition(['a'], ['b'])
    await expect(cluster.converge({ withinMs: 10 })).rejects.toThrow(
      /a sees b as alive, which is not there[\s\S]*seed 1 repeats this run/,
    )
    await cluster.converge()
  })

  it('of an id that it has not', async () => {
    await using cluster = await createTestCluster({ time: 'virtual', nodes: ['a'] })
    await expect(cluster.kill('x')).rejects.toThrow("no node 'x'; it has a")
  })
})
