import { describe, expect, it } from 'vitest'
import { anyNode, type MessageContext, type Node, nearest, ownerOf } from '../src/index.ts'
import { scratch, seeEachOther, startNode, until } from './start-nodes.ts'

/** Nodes of one development cluster, each in a zone. */
async function zones(...all: readonly (readonly [string, string])[]): Promise<Node[]> {
  const developmentDirectory = scratch()
  const nodes = await Promise.all(
    all.map(([nodeId, zone]) =>
      startNode({ nodeId, profile: 'development', developmentDirectory, tags: { zone } }),
    ),
  )
  await seeEachOther(nodes)
  return nodes
}

describe('nodes with tags', () => {
  it('are found by them, and handlers learn who asks and what came along', async () => {
    const nodes = await zones(['shop-1', 'west'], ['shop-2', 'east'], ['shop-3', 'east'])
    const [first] = nodes as [Node]
    const contexts: MessageContext[] = []
    for (const node of nodes) {
      node.application('orders').onRequest((_payload, context) => {
        contexts.push(context)
        return node.id
      })
    }
    const orders = first.application('orders')
    await until(() => nodes.every((node) => node.application('orders').nodes().length === 3))
    const east = { tags: { zone: 'east' } }
    const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }
    for (const rule of [anyNode(east), nearest(east), ownerOf('tea', east)]) {
      expect(await orders.request(rule, 1, { headers })).toMatch(/shop-[23]/)
    }
    const owners = await Promise.all(
      nodes.map((node) => node.application('orders').request(ownerOf('tea', east), 1)),
    )
    expect(new Set(owners).size).toBe(1)
    const canary = { tags: { zone: 'west' }, share: 1 }
    expect(await orders.request(anyNode({ canary }), 1)).toBe('shop-1')
    expect(contexts[0]).toMatchObject({ from: 'shop-1', attempt: 1, redelivered: false })
    expect(contexts[0]?.identity).toMatch(/^spiffe:\/\/.*\/nodosum\/test\/shop-1$/)
    expect({ ...contexts[0]?.headers }).toEqual(headers)
    // What a node asks itself comes from no certificate.
    expect(contexts.at(-1)?.identity).toBe(null)
  })
})

describe('an application that leaves requests unanswered', () => {
  it('shows in health and metrics of those who ask, and is asked again', async () => {
    const [first, second] = (await zones(['shop-1', 'west'], ['shop-2', 'east'])) as [Node, Node]
    let isDeaf = true
    second.application('orders').onRequest(() => (isDeaf ? new Promise(() => undefined) : 'here'))
    const orders = first.application('orders').configure({
      breakerRequestsMin: 10,
      breakerPauseMs: 200,
    })
    await until(() => orders.nodes().includes('shop-2'))
    await Promise.allSettled(
      Array.from({ length: 100 }, () => orders.request('shop-2', 1, { timeoutMs: 50 })),
    )
    const part = () => first.health().checks.find(({ name }) => name === 'messaging')
    expect(part()).toMatchObject({ status: 'degraded' })
    expect(part()?.detail).toContain('orders is not answered by shop-2')
    expect(part()?.detail).toContain('the error budget of orders is used up (100.0 times)')
    expect(first.metrics().applications.orders).toMatchObject({
      errorBudget: { requests: 100, failures: 100 },
      breakers: [{ peer: 'shop-2', state: expect.stringMatching(/open/) }],
    })
    isDeaf = false
    await until(() => first.metrics().applications.orders?.breakers[0]?.state === 'half-open')
    expect(await orders.request('shop-2', 1)).toBe('here')
    expect(part()?.detail).not.toContain('is not answered')
  })
})
